//! The plots of a report, as SVG. Text in them is text, drawn by whoever shows the file: no font is needed here.
//!
//! Guarantees: readable at 720 pixels; colours that colour-blind readers tell apart (Okabe and Ito), and lines told apart
//! by their marks as well; what is not known is a gap in a line, never a zero; the same facts give the same bytes.

use std::io;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, Circle, Color, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea,
    IntoFont, LineSeries, RGBColor, Rectangle, SVGBackend, ShapeStyle, TextStyle, WHITE,
};

use crate::cli::failure::Failure;
use crate::cli::report::days;
use crate::cli::report::facts::{Analysis, Facts, Metric};
use crate::domain::conversation::Outcome;

const WIDTH: u32 = 720;
const HEIGHT: u32 = 320;
/// Height of the title and the legend, in pixels.
const HEADER: i32 = 58;
/// About the width of a character of the legend, in pixels.
const LETTER: i32 = 8;
const FONT: &str = "sans-serif";
/// Sizes of the title and of everything else. The backend writes them divided by 1.24: 16 and 13 pixels.
const TITLE_SIZE: i32 = 20;
const TEXT_SIZE: i32 = 16;

const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const SKY: RGBColor = RGBColor(86, 180, 233);
const GREY: RGBColor = RGBColor(153, 153, 153);
const GRID: RGBColor = RGBColor(225, 225, 225);
const AXIS: RGBColor = RGBColor(90, 90, 90);

type Area<'b> = DrawingArea<SVGBackend<'b>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type DrawError = DrawingAreaErrorKind<io::Error>;

/// A plot.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What its file is called behind the name of the report: `success`.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// The file.
    pub svg: String,
}

/// What an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Percent,
    Count,
    Millis,
}

impl Unit {
    fn tick(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{value:.0} %"),
            // Between whole numbers there is nothing to count.
            Self::Count if value.fract().abs() > 1e-9 => String::new(),
            Self::Count => format!("{value:.0}"),
            Self::Millis if value.fract().abs() > 1e-9 => format!("{value:.1}"),
            Self::Millis => format!("{value:.0}"),
        }
    }
}

/// The mark of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Dot,
    Ring,
    Bar,
}

/// A line over the periods.
struct Series {
    name: &'static str,
    color: RGBColor,
    mark: Mark,
    values: Vec<Option<f64>>,
}

/// What stands around the data.
struct Frame<'f> {
    labels: &'f [String],
    x_name: &'f str,
    y_name: &'f str,
    unit: Unit,
    /// The upper end of the axis; the lower one is 0.
    top: f64,
}

/// The plots for which there is something to show, in the order in which they stand on the page.
///
/// # Errors
/// When one cannot be drawn.
pub fn plots(facts: &Facts) -> Result<Vec<Plot>, Failure> {
    let labels: Vec<String> = facts.periods.iter().map(|period| days::short(facts.kind, period.start)).collect();
    let (word, x_name) = days::words(facts.kind);
    let metrics: Vec<&Metric> = facts.periods.iter().map(|period| &period.metric).collect();
    let of = |value: fn(&Metric) -> Option<f64>| -> Vec<Option<f64>> { metrics.iter().map(|one| value(one)).collect() };
    let success = || of(|metric| metric.success_rate.map(|rate| rate * 100.0));
    let mut plots = Vec::new();

    if success().iter().any(Option::is_some) {
        let title = format!("Success rate by {word}");
        let line = Series { name: "success rate", color: BLUE, mark: Mark::Dot, values: success() };
        let frame = Frame { labels: &labels, x_name, y_name: "successful", unit: Unit::Percent, top: 100.0 };
        let svg = svg(&title, HEIGHT, |root| lines_below_header(root, &title, &frame, &[line]))?;
        plots.push(Plot { name: "success", title, svg });
    }

    let analyses: Vec<Option<&Analysis>> = facts.periods.iter().map(|period| period.analysis.as_ref()).collect();
    if analyses.iter().flatten().any(|analysis| analysis.total() > 0) {
        let title = format!("Conversations by outcome and {word}");
        let svg = svg(&title, HEIGHT, |root| outcomes(root, &title, &labels, x_name, &analyses))?;
        plots.push(Plot { name: "outcomes", title, svg });
    }

    if metrics.iter().any(|metric| metric.knowledge_entries > 0) {
        let title = format!("Learning curve: what is known and success by {word}");
        let known = of(|metric| Some(metric.knowledge_entries as f64));
        let known = Series { name: "entries known", color: GREEN, mark: Mark::Ring, values: known };
        let line = Series { name: "success rate", color: BLUE, mark: Mark::Dot, values: success() };
        let svg = svg(&title, 2 * HEIGHT - 60, |root| learning(root, &title, &labels, x_name, known, line))?;
        plots.push(Plot { name: "learning", title, svg });
    }

    if metrics.iter().any(|metric| metric.retrieval_p50_ms.is_some()) {
        let title = format!("Latency of retrievals by {word}");
        let half = of(|metric| metric.retrieval_p50_ms);
        let most = of(|metric| metric.retrieval_p99_ms);
        let top = highest(&[&half, &most]);
        let lines = [
            Series { name: "half of them within (p50)", color: BLUE, mark: Mark::Dot, values: half },
            Series { name: "99 of 100 within (p99)", color: VERMILION, mark: Mark::Ring, values: most },
        ];
        let frame = Frame { labels: &labels, x_name, y_name: "milliseconds", unit: Unit::Millis, top };
        let svg = svg(&title, HEIGHT, |root| lines_below_header(root, &title, &frame, &lines))?;
        plots.push(Plot { name: "latency", title, svg });
    }
    Ok(plots)
}

/// Draws a file; readers that do not see it are told its title.
fn svg(title: &str, height: u32, paint: impl FnOnce(&Area<'_>) -> Result<(), DrawError>) -> Result<String, Failure> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        let painted = root.fill(&WHITE).and_then(|()| paint(&root)).and_then(|()| root.present());
        painted.map_err(|error| Failure::new(format!("the plot {title:?} cannot be drawn: {error}")))?;
    }
    // The titles are ours and hold nothing that XML would read.
    Ok(text.replacen(">\n", &format!(">\n<title>{title}</title>\n"), 1))
}

/// A title, a legend and one chart with these lines.
fn lines_below_header(root: &Area<'_>, title: &str, frame: &Frame<'_>, lines: &[Series]) -> Result<(), DrawError> {
    let (top, below) = root.split_vertically(HEADER);
    let legend: Vec<(&str, RGBColor, Mark)> = lines.iter().map(|line| (line.name, line.color, line.mark)).collect();
    header(&top, title, &legend)?;
    let mut chart = chart(&below, frame)?;
    lines.iter().try_for_each(|line| draw_line(&mut chart, line))
}

/// Bars of conversations, one upon the other.
fn outcomes(
    root: &Area<'_>,
    title: &str,
    labels: &[String],
    x_name: &str,
    analyses: &[Option<&Analysis>],
) -> Result<(), DrawError> {
    let colors = [
        (Outcome::Successful, BLUE),
        (Outcome::Partial, SKY),
        (Outcome::Unsuccessful, VERMILION),
        (Outcome::Unknown, GREY),
        (Outcome::Excluded, ORANGE),
    ];
    let (top, below) = root.split_vertically(HEADER);
    let legend: Vec<(&str, RGBColor, Mark)> =
        colors.iter().map(|(outcome, color)| (outcome.as_str(), *color, Mark::Bar)).collect();
    header(&top, title, &legend)?;

    let totals: Vec<Option<f64>> = analyses.iter().map(|one| one.map(|one| one.total() as f64)).collect();
    let frame = Frame { labels, x_name, y_name: "conversations", unit: Unit::Count, top: highest(&[&totals]) };
    let mut chart = chart(&below, &frame)?;
    for (at, analysis) in analyses.iter().enumerate() {
        let Some(analysis) = analysis else { continue };
        let (left, right) = (at as f64 - 0.35, at as f64 + 0.35);
        let mut low = 0.0;
        for (outcome, color) in colors {
            let high = low + analysis.ended(outcome) as f64;
            if high > low {
                chart.draw_series([Rectangle::new([(left, low), (right, high)], color.filled())])?;
            }
            low = high;
        }
    }
    Ok(())
}

/// Two charts over the same periods: a size and a rate have no axis in common.
fn learning(
    root: &Area<'_>,
    title: &str,
    labels: &[String],
    x_name: &str,
    known: Series,
    success: Series,
) -> Result<(), DrawError> {
    let (top, below) = root.split_vertically(HEADER);
    let legend = [(known.name, known.color, known.mark), (success.name, success.color, success.mark)];
    header(&top, title, &legend)?;
    let half = i32::try_from(below.dim_in_pixel().1 / 2).unwrap_or_default();
    let (upper, lower) = below.split_vertically(half);
    let size = Frame { labels, x_name, y_name: "entries", unit: Unit::Count, top: highest(&[&known.values]) };
    draw_line(&mut chart(&upper, &size)?, &known)?;
    let rate = Frame { labels, x_name, y_name: "successful", unit: Unit::Percent, top: 100.0 };
    draw_line(&mut chart(&lower, &rate)?, &success)
}

/// The title, and under it what each mark means.
fn header(area: &Area<'_>, title: &str, legend: &[(&str, RGBColor, Mark)]) -> Result<(), DrawError> {
    let text = |size: i32| TextStyle::from((FONT, size).into_font());
    area.draw_text(title, &text(TITLE_SIZE), (16, 8))?;
    let mut x = 24;
    for (name, color, mark) in legend {
        let y = 44;
        match mark {
            Mark::Bar => area.draw(&Rectangle::new([(x - 6, y - 6), (x + 6, y + 6)], color.filled()))?,
            Mark::Dot | Mark::Ring => area.draw(&Circle::new((x, y), 4, style(*color, *mark)))?,
        }
        area.draw_text(name, &text(TEXT_SIZE), (x + 12, y - 7))?;
        x += 36 + LETTER * i32::try_from(name.chars().count()).unwrap_or_default();
    }
    Ok(())
}

/// Axes with a grid, before the data.
fn chart<'a, 'b>(area: &'a Area<'b>, frame: &Frame<'_>) -> Result<Chart<'a, 'b>, DrawError> {
    let periods = frame.labels.len();
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(20)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(-0.5..(periods as f64 - 0.5), 0.0..frame.top)?;
    let x_label = |x: &f64| label_at(frame.labels, *x);
    let y_label = |y: &f64| frame.unit.tick(*y);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(GRID.mix(0.0))
        .axis_style(AXIS)
        .set_all_tick_mark_size(4)
        .x_labels(periods + 1)
        .y_labels(6)
        .x_label_formatter(&x_label)
        .y_label_formatter(&y_label)
        .label_style((FONT, TEXT_SIZE))
        .axis_desc_style((FONT, TEXT_SIZE))
        .x_desc(frame.x_name)
        .y_desc(frame.y_name)
        .draw()?;
    Ok(chart)
}

/// A line through what is known, with a mark at each value.
fn draw_line(chart: &mut Chart<'_, '_>, series: &Series) -> Result<(), DrawError> {
    let stroke = ShapeStyle::from(series.color).stroke_width(2);
    for run in runs(&series.values).into_iter().filter(|run| run.len() > 1) {
        chart.draw_series(LineSeries::new(run, stroke))?;
    }
    let known = runs(&series.values).into_iter().flatten();
    chart.draw_series(known.map(|at| Circle::new(at, 4, style(series.color, series.mark))))?;
    Ok(())
}

fn style(color: RGBColor, mark: Mark) -> ShapeStyle {
    let style = ShapeStyle::from(color).stroke_width(2);
    if mark == Mark::Ring { style } else { style.filled() }
}

/// The values with their places, in stretches without a gap.
fn runs(values: &[Option<f64>]) -> Vec<Vec<(f64, f64)>> {
    let placed: Vec<Option<(f64, f64)>> =
        values.iter().enumerate().map(|(at, value)| value.map(|value| (at as f64, value))).collect();
    let runs = placed.split(Option::is_none).map(|run| run.iter().flatten().copied().collect::<Vec<_>>());
    runs.filter(|run| !run.is_empty()).collect()
}

/// The upper end of an axis that holds all of these.
fn highest(series: &[&[Option<f64>]]) -> f64 {
    let highest = series.iter().flat_map(|values| values.iter().flatten()).copied().fold(0.0, f64::max);
    if highest > 0.0 { highest * 1.1 } else { 1.0 }
}

/// The label of a period; axes also ask about places between two.
fn label_at(labels: &[String], x: f64) -> String {
    let is_whole = (x - x.round()).abs() < 1e-6 && x > -0.5;
    labels.get(x.round() as usize).filter(|_| is_whole).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::facts::Period;
    use crate::cli::report::fixtures::{facts, no_facts};

    #[test]
    fn what_is_not_known_is_a_gap() {
        let runs = runs(&[None, Some(1.0), Some(2.0), None, None, Some(3.0)]);
        assert_eq!(runs, [vec![(1.0, 1.0), (2.0, 2.0)], vec![(5.0, 3.0)]]);
        assert_eq!(highest(&[&[None, None]]), 1.0);
    }

    #[test]
    fn ticks_say_their_unit() {
        assert_eq!((Unit::Percent.tick(40.0).as_str(), Unit::Count.tick(2.5).as_str()), ("40 %", ""));
        assert_eq!((Unit::Count.tick(3.0).as_str(), Unit::Millis.tick(2.5).as_str()), ("3", "2.5"));
        let labels = ["24 Aug".to_owned(), "31 Aug".to_owned()];
        assert_eq!(
            ["", "24 Aug", "", "31 Aug", ""].map(str::to_owned),
            [-0.5, 0.0, 0.5, 1.0, 2.0].map(|x| label_at(&labels, x))
        );
    }

    #[test]
    fn the_same_facts_draw_the_same_files_with_titles_labels_and_legends() {
        let drawn = plots(&facts()).expect("drawn");
        let names: Vec<&str> = drawn.iter().map(|plot| plot.name).collect();
        assert_eq!(names, ["success", "outcomes", "learning", "latency"]);
        let again = plots(&facts()).expect("drawn");
        for (plot, again) in drawn.iter().zip(&again) {
            assert_eq!(plot.svg, again.svg);
            assert!(plot.svg.starts_with("<svg") && plot.svg.trim_end().ends_with("</svg>"), "{}", plot.svg);
            for part in
                [format!("<title>{}</title>", plot.title), "31 Aug".to_owned(), "week that begins on".to_owned()]
            {
                assert!(plot.svg.contains(&part), "{part} is missing in {}", plot.svg);
            }
            assert!(!plot.svg.contains("NaN") && !plot.svg.contains("inf"), "{}", plot.svg);
        }
        for (at, parts) in [
            (0, &["100 %", "success rate", "successful"][..]),
            (1, &["unsuccessful", "excluded", "conversations"]),
            (2, &["entries known", "success rate", "entries"]),
            (3, &["(p50)", "(p99)", "milliseconds"]),
        ] {
            for part in parts {
                assert!(drawn[at].svg.contains(part), "{part} is missing in {}", drawn[at].svg);
            }
        }
    }

    #[test]
    fn nothing_is_drawn_of_nothing_and_a_single_value_is_drawn() {
        assert!(plots(&no_facts()).expect("drawn").is_empty());
        let mut one = no_facts();
        let metric = Metric { success_rate: Some(0.0), conversations: 1, ..Metric::default() };
        one.periods = vec![Period { metric, ..Period::default() }];
        let drawn = plots(&one).expect("drawn");
        assert_eq!(drawn.iter().map(|plot| plot.name).collect::<Vec<_>>(), ["success"]);
    }
}
