//! The picture as SVG: one file that needs nothing else, readable on light and on dark pages.

use std::fmt::Write as _;

use super::{
    picture::{Cell, Kind, Picture, Strip},
    terminal::heading,
};

/// A cell with the gap to the next, and without.
const PITCH: usize = 18;
const SIDE: usize = 16;
const COLUMNS: usize = 32;
/// Left of the cells, for the addresses.
const LEFT: usize = 16;
const LINE: usize = 22;

/// At most 64 rows for a subnet.
pub(super) const MOST_CELLS: u128 = 2048;

pub(super) fn draw(picture: &Picture) -> String {
    let label = label_width(picture);
    let width = LEFT + label + COLUMNS * PITCH + LEFT;
    let mut body = String::new();
    let mut y = 34;
    text(&mut body, LEFT, y, "title", &picture.title);
    y += LINE;
    for strip in &picture.strips {
        y += 14;
        text(&mut body, LEFT, y, "head", &heading(strip));
        y += 10;
        y = draw_strip(&mut body, strip, label, y);
    }
    y = legend(&mut body, picture, y + 18);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{y}\" viewBox=\"0 0 {width} {y}\" \
         role=\"img\">\n<title>{}</title>\n<style>{STYLE}{}{DARK}</style>\n\
         <rect class=\"page\" width=\"{width}\" height=\"{y}\" rx=\"8\"/>\n{body}</svg>\n",
        escape(&picture.title),
        Kind::ALL.map(|kind| format!(".{}{{fill:{}}}", kind.name(), fill(kind))).concat(),
    )
}

/// Before the colours of the cells.
const STYLE: &str = "\
text{font:12px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#24292f}\
.title{font-size:17px;font-weight:bold}.head{font-weight:bold}.dim{fill:#57606a}\
.page{fill:#fff;stroke:#d0d7de}.mark{font-size:10px;font-weight:bold;text-anchor:middle;fill:#fff}\
.mark.dark{fill:#24292f}";

/// After them.
const DARK: &str = "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#9198a1}\
.page{fill:#0d1117;stroke:#30363d}.mark.dark{fill:#0d1117}.free{fill:#262c36}.reserved{fill:#656c76}}";

/// Colours of Okabe and Ito, told apart with any kind of colour vision.
const fn fill(kind: Kind) -> &'static str {
    match kind {
        Kind::Reserved => "#8c959f",
        Kind::Free => "#e6eaef",
        Kind::Live => "#009e73",
        Kind::Young => "#56b4e9",
        Kind::Unknown => "#0072b2",
        Kind::Foreign => "#f0e442",
        Kind::Unrecorded => "#e69f00",
        Kind::Broken => "#cc79a7",
        Kind::Leaked => "#d55e00",
    }
}

fn draw_strip(out: &mut String, strip: &Strip, label: usize, top: usize) -> usize {
    let mut y = top;
    for row in strip.cells.chunks(COLUMNS) {
        if let Some(first) = row.first() {
            text(out, LEFT, y + 12, "dim", &first.first.to_string());
        }
        for (column, cell) in row.iter().enumerate() {
            draw_cell(out, cell, LEFT + label + column * PITCH, y);
        }
        y += PITCH;
    }
    y + 12
}

fn draw_cell(out: &mut String, cell: &Cell, x: usize, y: usize) {
    let _ = write!(out, "<g><title>{}</title>", escape(&tooltip(cell)));
    let kind = cell.kind();
    square(out, kind.name(), x, y, SIDE, "rx=\"3\"");
    if cell.first == cell.last {
        mark(out, kind, x, y);
    } else {
        // The share of each kind, from the bottom; what is there at all is a line at least.
        let mut bottom = y + SIDE;
        square(out, Kind::Free.name(), x, y, SIDE, "rx=\"3\"");
        let all: u128 = cell.counts.values().sum();
        for (kind, count) in cell.counts.iter().rev().filter(|(kind, _)| **kind > Kind::Free) {
            let share = usize::try_from(count * SIDE as u128 / all.max(1)).unwrap_or(SIDE);
            let height = share.clamp(3, SIDE).min(bottom - y);
            bottom -= height;
            square(out, kind.name(), x, bottom, height, "");
        }
    }
    out.push_str("</g>\n");
}

fn square(out: &mut String, class: &str, x: usize, y: usize, height: usize, more: &str) {
    let space = if more.is_empty() { "" } else { " " };
    let _ = write!(
        out,
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{SIDE}\" height=\"{height}\"{space}{more}/>"
    );
}

/// The letter of what needs attention, so that colours alone never tell.
fn mark(out: &mut String, kind: Kind, x: usize, y: usize) {
    if matches!(kind, Kind::Free | Kind::Live | Kind::Reserved) {
        return;
    }
    let dark = if matches!(kind, Kind::Foreign | Kind::Unrecorded | Kind::Young | Kind::Broken) {
        " dark"
    } else {
        ""
    };
    let (x, y) = (x + SIDE / 2, y + 12);
    let _ = write!(out, "<text class=\"mark{dark}\" x=\"{x}\" y=\"{y}\">{}</text>", kind.letter());
}

fn tooltip(cell: &Cell) -> String {
    if cell.first == cell.last {
        let colon = if cell.detail.is_empty() { "" } else { ", " };
        return format!("{} {}{colon}{}", cell.first, cell.kind().name(), cell.detail);
    }
    let counts: Vec<String> =
        cell.counts.iter().rev().map(|(kind, count)| format!("{count} {}", kind.name())).collect();
    format!("{} to {}: {}", cell.first, cell.last, counts.join(", "))
}

fn legend(out: &mut String, picture: &Picture, top: usize) -> usize {
    let mut y = top;
    for kind in Kind::ALL {
        let Some(count) = picture.counts.get(&kind).filter(|count| **count > 0) else { continue };
        square(out, kind.name(), LEFT, y, SIDE, "rx=\"3\"");
        mark(out, kind, LEFT, y);
        text(out, LEFT + 26, y + 12, "", &format!("{count} {}", kind.name()));
        text(out, LEFT + 230, y + 12, "dim", kind.meaning());
        y += LINE;
    }
    let mut notes = Vec::new();
    if picture.aggregates() {
        notes.push("a cell of several addresses is filled by the share of each kind".to_owned());
    }
    if picture.guessed {
        notes.push("subnets guessed from the records".to_owned());
    }
    if !picture.outside.is_empty() {
        notes.push(format!("{} entries are not drawn", picture.outside.len()));
    }
    for note in notes {
        text(out, LEFT, y + 12, "dim", &note);
        y += LINE;
    }
    y + 10
}

/// Room for the longest address that begins a row.
fn label_width(picture: &Picture) -> usize {
    let rows = picture.strips.iter().flat_map(|strip| strip.cells.iter().step_by(COLUMNS));
    let longest = rows.map(|cell| cell.first.to_string().len()).max().unwrap_or(0);
    longest * 8 + 8
}

fn text(out: &mut String, x: usize, y: usize, class: &str, text: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let _ = writeln!(out, "<text{class} x=\"{x}\" y=\"{y}\">{}</text>", escape(text));
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML knows no other control characters.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
