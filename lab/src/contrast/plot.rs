//! Plots as SVG, beside the text that speaks of them.

use std::ops::Range;
use std::path::Path;

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

pub(crate) use plotters::prelude::SeriesLabelPosition as Legend;

use super::Failure;

/// A line with its name.
pub(crate) type Line = (&'static str, Vec<(f64, f64)>);

/// What a plot shows.
pub(crate) struct Plot<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    pub(crate) lines: &'a [Line],
    /// Where the lines leave room for their names.
    pub(crate) legend: SeriesLabelPosition,
}

impl Plot<'_> {
    /// Draws it with both axes logarithmic, since both span several powers of ten.
    pub(crate) fn draw(&self, path: &Path) -> Result<(), Failure> {
        let x = powers(self.points().map(|point| point.0));
        self.draw_over(path, x.log_scale())
    }

    /// Draws it with a linear x from zero, where nothing may be measured too: per cent.
    pub(crate) fn draw_linear(&self, path: &Path) -> Result<(), Failure> {
        let most = self.points().map(|point| point.0).fold(1.0, f64::max);
        self.draw_over(path, 0.0..most)
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.lines.iter().flat_map(|(_, points)| points.iter().copied())
    }

    fn draw_over<X>(&self, path: &Path, x: X) -> Result<(), Failure>
    where
        X: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
    {
        let y = powers(self.points().map(|point| point.1));
        let area = SVGBackend::new(path, (760, 460)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(self.title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(76)
            .build_cartesian_2d(x, y.log_scale())?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(&|x| x.to_string())
            .y_label_formatter(&|y| y.to_string())
            .light_line_style(WHITE)
            .draw()?;
        for (index, (name, points)) in self.lines.iter().enumerate() {
            let colour = Palette99::pick(index).to_rgba();
            let style = colour.stroke_width(2);
            chart
                .draw_series(LineSeries::new(points.iter().copied(), style).point_size(3))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.4))
            .position(self.legend.clone())
            .draw()?;
        area.present()?;
        Ok(())
    }
}

/// The range of a logarithmic axis that shows all of these.
fn powers(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values
        .filter(|it| it.is_finite() && *it > 0.0)
        .fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), it| (low.min(it), high.max(it)));
    (low / 1.3)..(high * 1.3)
}
