//! The picture as text: letters, on colours where the terminal has them.

use std::fmt::Write as _;

use super::picture::{Kind, Picture, Strip};

/// How the terminal is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// How many characters a line has.
    pub(super) width: usize,
    /// Whether it shows 256 colours.
    pub(super) colour: bool,
}

/// No more rows than this for one subnet.
const ROWS: u128 = 32;

impl Look {
    /// How many cells fit beside the addresses, a power of two, so that rows begin at round addresses.
    fn columns(self, label: usize) -> usize {
        let fit = self.width.saturating_sub(label + 1) / 2;
        [64, 32, 16].into_iter().find(|columns| *columns <= fit).unwrap_or(8)
    }

    /// How many cells a subnet may have.
    pub(super) fn most_cells(self) -> u128 {
        // The longest text of an IPv4 address; IPv6 addresses take more room, and more rows then.
        ROWS * self.columns(15) as u128
    }
}

pub(super) fn draw(picture: &Picture, look: Look) -> String {
    let mut out = format!("{}\n", picture.title);
    for strip in &picture.strips {
        out.push('\n');
        draw_strip(&mut out, strip, look);
    }
    out.push('\n');
    legend(&mut out, picture, look);
    out
}

fn draw_strip(out: &mut String, strip: &Strip, look: Look) {
    line(out, format_args!("{}", heading(strip)));
    let label = strip.cells.iter().map(|cell| cell.first.to_string().len()).max().unwrap_or(0);
    for row in strip.cells.chunks(look.columns(label)) {
        let Some(first) = row.first() else { continue };
        let _ = write!(out, "{:label$} ", first.first.to_string());
        let mut letters = String::new();
        for cell in row {
            cell_text(&mut letters, cell.kind(), look.colour);
        }
        line(out, format_args!("{}", letters.trim_end()));
    }
}

/// What a strip shows, for its head.
pub(super) fn heading(strip: &Strip) -> String {
    let mut text = strip.subnet.to_string();
    if strip.shown != strip.subnet {
        let _ = write!(text, ", drawn {} (the rest holds nothing)", strip.shown);
    }
    if strip.per_cell > 1 {
        let _ = write!(text, ", a cell is {} addresses", strip.per_cell);
    }
    text
}

fn legend(out: &mut String, picture: &Picture, look: Look) {
    for kind in Kind::ALL {
        let Some(count) = picture.counts.get(&kind).filter(|count| **count > 0) else { continue };
        let mut mark = String::new();
        cell_text(&mut mark, kind, look.colour);
        line(out, format_args!("{mark}{count:>6} {:<10} {}", kind.name(), kind.meaning()));
    }
    if picture.aggregates() {
        line(
            out,
            format_args!("a cell of several addresses shows what needs attention most: X B U F H Y L ."),
        );
    }
    if picture.guessed {
        line(out, format_args!("subnets guessed from the records: give --subnet for the whole pool"));
    }
    if !picture.outside.is_empty() {
        let names: Vec<String> =
            picture.outside.iter().take(8).map(|(name, kind)| format!("{name} ({})", kind.name())).collect();
        let more = picture.outside.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        line(out, format_args!("not drawn: {}{more}", names.join(", ")));
    }
}

fn cell_text(out: &mut String, kind: Kind, colour: bool) {
    let letter = kind.letter();
    if colour {
        let (background, text) = colours(kind);
        let _ = write!(out, "\x1b[48;5;{background};38;5;{text}m{letter}\x1b[0m ");
    } else {
        let _ = write!(out, "{letter} ");
    }
}

/// Background and text of the 256 colours; told apart with any kind of colour vision, and by the letter.
const fn colours(kind: Kind) -> (u8, u8) {
    match kind {
        Kind::Reserved => (240, 255),
        Kind::Free => (252, 243),
        Kind::Live => (29, 231),
        Kind::Young => (117, 16),
        Kind::Unknown => (25, 231),
        Kind::Foreign => (227, 16),
        Kind::Unrecorded => (214, 16),
        Kind::Broken => (175, 16),
        Kind::Leaked => (166, 231),
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
