//! A plot of cost against size, written as SVG by hand.
//!
//! Both axes are logarithmic, for costs and sizes spread over many powers of ten; the horizontal one begins at zero.

use std::fmt::Write;

use crate::Unit;

/// Series of points: what a bench collects with [`Case::point`](crate::Case::point).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    title: String,
    across: String,
    series: Vec<Series>,
}

/// Points of one name, joined by a line.
#[derive(Clone, Debug, PartialEq)]
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 540.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 300.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 56.0;

/// Colours that differ for people who see few colours too (Okabe and Ito), with black last.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d00", "#000000"];
/// After the colours come dashes.
const DASHES: [&str; 3] = ["", " stroke-dasharray=\"6 3\"", " stroke-dasharray=\"2 3\""];

impl Plot {
    /// An empty plot; `across` says what the horizontal axis counts.
    #[must_use]
    pub fn new(title: &str, across: &str) -> Self {
        Self { title: title.to_owned(), across: across.to_owned(), series: Vec::new() }
    }

    /// Adds a point: so many nanoseconds at such a size.
    pub fn add(&mut self, series: &str, size: f64, nanoseconds: f64) {
        let point = (size.max(0.0), nanoseconds.max(0.1));
        match self.series.iter_mut().find(|one| one.name == series) {
            Some(one) => one.points.push(point),
            None => self.series.push(Series { name: series.to_owned(), points: vec![point] }),
        }
    }

    /// Whether there is no point.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The plot as an SVG document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let points = || self.series.iter().flat_map(|one| one.points.iter().copied());
        let right = points().map(|(x, _)| across(x)).fold(1.0, f64::max).ceil();
        let lowest = points().map(|(_, y)| y.log10()).fold(f64::INFINITY, f64::min).floor();
        let highest = points().map(|(_, y)| y.log10()).fold(lowest + 1.0, f64::max).ceil();
        let (lowest, highest) = if lowest.is_finite() { (lowest, highest) } else { (0.0, 1.0) };
        let place = |(x, y): (f64, f64)| {
            let x = LEFT + across(x) / right * (WIDTH - LEFT - RIGHT);
            let share = (y.log10() - lowest) / (highest - lowest);
            (x, HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))
        };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"24\" font-size=\"16\">{}</text>\n",
            escaped(&self.title)
        );
        let bottom = HEIGHT - BOTTOM;
        for tick in ticks(right) {
            let (x, _) = place((tick, 1.0));
            let shown = Unit::Count.show(tick);
            let line = format!("M{x:.1} {TOP}V{bottom}");
            let _ = writeln!(svg, "<path d=\"{line}\" stroke=\"#dddddd\"/>");
            let y = bottom + 18.0;
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{shown}</text>");
        }
        let mut power = lowest;
        while power <= highest {
            let value = 10_f64.powf(power);
            let (_, y) = place((0.0, value));
            let (end, x) = (WIDTH - RIGHT, LEFT - 8.0);
            let _ = writeln!(svg, "<path d=\"M{LEFT} {y:.1}H{end}\" stroke=\"#dddddd\"/>");
            let shown = Unit::Nanoseconds.show(value);
            let y = y + 4.0;
            let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{shown}</text>");
            power += 1.0;
        }
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 14.0,
            escaped(&self.across)
        );
        for (index, series) in self.series.iter().enumerate() {
            draw(&mut svg, index, series, place);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn draw(svg: &mut String, index: usize, series: &Series, place: impl Fn((f64, f64)) -> (f64, f64)) {
    let colour = COLOURS.get(index % COLOURS.len()).copied().unwrap_or("black");
    let dash = DASHES.get(index / COLOURS.len() % DASHES.len()).copied().unwrap_or("");
    let mut points = series.points.clone();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    let joined: Vec<String> =
        points.iter().map(|point| place(*point)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>",
        joined.join(" ")
    );
    for point in points {
        let (x, y) = place(point);
        let title = format!("{}: {}", escaped(&series.name), Unit::Nanoseconds.show(point.1));
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"><title>{title}</title></circle>"
        );
    }
    let mut y = TOP + 6.0;
    (0..index).for_each(|_| y += 18.0);
    let (left, text) = (WIDTH - RIGHT + 16.0, WIDTH - RIGHT + 48.0);
    let end = left + 24.0;
    let _ = writeln!(svg, "<path d=\"M{left} {y}H{end}\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>");
    let _ = writeln!(svg, "<text x=\"{text}\" y=\"{}\">{}</text>", y + 4.0, escaped(&series.name));
}

/// Where a size lies on the horizontal axis: zero at 0, every power of ten one further.
fn across(size: f64) -> f64 {
    (1.0 + size).log10()
}

/// Zero and the powers of ten up to the right end.
fn ticks(right: f64) -> Vec<f64> {
    let mut ticks = vec![0.0];
    let mut tick = 10.0;
    while across(tick) <= right + 0.1 {
        ticks.push(tick);
        tick *= 10.0;
    }
    ticks
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_drawn_inside_the_frame_and_named() {
        let mut plot = Plot::new("cost & fill", "held");
        assert!(plot.is_empty());
        for (series, size, time) in [
            ("pool", 0.0, 40.0),
            ("pool", 60_000.0, 90.0),
            ("host-local", 0.0, 2e6),
            ("host-local", 6e4, 6e8),
        ] {
            plot.add(series, size, time);
        }
        let svg = plot.to_svg();
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("<circle").count(), 4);
        for part in ["cost &amp; fill", ">pool</text>", ">host-local</text>", "host-local: 600 ms"] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        for place in svg.split("cx=\"").skip(1) {
            let x: f64 = place.split('"').next().unwrap().parse().unwrap();
            assert!((LEFT..=WIDTH - RIGHT).contains(&x), "{x}");
        }
    }

    #[test]
    fn an_empty_plot_is_a_document_too() {
        let svg = Plot::new("nothing", "held").to_svg();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
    }
}
