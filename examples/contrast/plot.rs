//! Plots as SVG, beside the text that speaks of them.

use std::path::Path;

use plotters::prelude::*;

use crate::Failure;

/// A line with its name.
pub(crate) type Line = (&'static str, Vec<(f64, f64)>);

/// What a plot shows.
pub(crate) struct Plot<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    pub(crate) lines: &'a [Line],
}

impl Plot<'_> {
    /// Draws it with both axes logarithmic, since both span several powers of ten.
    pub(crate) fn draw(&self, path: &Path) -> Result<(), Failure> {
        let points = || self.lines.iter().flat_map(|(_, points)| points.iter().copied());
        let range = |values: &mut dyn Iterator<Item = f64>| {
            let (low, high) = values
                .filter(|it| it.is_finite() && *it > 0.0)
                .fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), it| (low.min(it), high.max(it)));
            (low / 1.3)..(high * 1.3)
        };
        let x = range(&mut points().map(|point| point.0));
        let y = range(&mut points().map(|point| point.1));
        let area = SVGBackend::new(path, (760, 460)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(self.title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(76)
            .build_cartesian_2d(x.log_scale(), y.log_scale())?;
        chart.configure_mesh().x_desc(self.x).y_desc(self.y).light_line_style(WHITE).draw()?;
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
            .position(SeriesLabelPosition::UpperLeft)
            .draw()?;
        area.present()?;
        Ok(())
    }
}
