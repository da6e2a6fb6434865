//! A workbook: the wide table and the long one. Dates are dates, numbers of students are text.

use std::io;

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::table::{COUNTS, LONG, column, counts, long_row, students};
use super::{RollCall, letter};
use crate::cli::local_time::LocalTime as _;
use crate::cli::write_file::not_made;
use crate::roll::SheetEntry;

/// The workbook's bytes.
pub(super) fn workbook(roll_calls: &[RollCall]) -> io::Result<Vec<u8>> {
    write(roll_calls).map_err(not_made)
}

fn write(roll_calls: &[RollCall]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    wide(workbook.add_worksheet().set_name("Roll calls")?, roll_calls)?;
    long(workbook.add_worksheet().set_name("Marks")?, roll_calls)?;
    workbook.save_to_buffer()
}

fn header(sheet: &mut Worksheet, titles: impl Iterator<Item = String>) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    for (place, title) in (0..).zip(titles) {
        sheet.write_string_with_format(0, place, title, &bold)?;
    }
    Ok(())
}

fn wide(sheet: &mut Worksheet, roll_calls: &[RollCall]) -> Result<(), XlsxError> {
    let titles = ["student", "name", "group"].map(str::to_owned).into_iter();
    let counted = COUNTS.map(str::to_owned);
    header(sheet, titles.chain(roll_calls.iter().map(column)).chain(counted))?;
    sheet.set_freeze_panes(1, 2)?;
    let students = students(roll_calls);
    for (row, (number, student)) in (1..).zip(&students) {
        sheet.write_string(row, 0, number.as_str())?;
        sheet.write_string(row, 1, &student.name)?;
        sheet.write_string(row, 2, &student.group)?;
        for (place, status) in &student.statuses {
            sheet.write_string(row, place_of(3 + place), letter(*status))?;
        }
        for (place, count) in counts(roll_calls, student).into_iter().enumerate() {
            sheet.write_number(row, place_of(3 + roll_calls.len() + place), count)?;
        }
    }
    sheet.set_column_width(0, 14)?.set_column_width(1, 32)?;
    Ok(())
}

fn place_of(place: usize) -> u16 {
    // A workbook has 16,384 columns; what does not fit is an error of its library.
    u16::try_from(place).unwrap_or(u16::MAX)
}

fn long(sheet: &mut Worksheet, roll_calls: &[RollCall]) -> Result<(), XlsxError> {
    header(sheet, LONG.map(str::to_owned).into_iter())?;
    sheet.set_freeze_panes(1, 0)?;
    let all = roll_calls.iter().flat_map(|it| it.entries.iter().map(move |entry| (it, entry)));
    let mut rows = 0;
    for (row, (it, entry)) in (1..).zip(all) {
        long_line(sheet, row, it, entry)?;
        rows = row;
    }
    sheet.autofilter(0, 0, rows, place_of(LONG.len() - 1))?;
    for (place, width) in [(5, 20), (6, 20), (7, 14), (8, 32), (12, 20)] {
        sheet.set_column_width(place, width)?;
    }
    Ok(())
}

fn long_line(
    sheet: &mut Worksheet,
    row: u32,
    it: &RollCall,
    entry: &SheetEntry,
) -> Result<(), XlsxError> {
    let date = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
    let times = [
        (5, Some(it.sheet.opened_at)),
        (6, Some(it.sheet.closed_at)),
        (12, entry.at),
        (13, entry.pressed_at),
    ];
    for (place, text) in (0..).zip(long_row(it, entry)) {
        match times.iter().find(|time| time.0 == place) {
            Some((_, None)) => {}
            Some((_, Some(at))) => {
                sheet.write_datetime_with_format(row, place, at.local().naive_local(), &date)?;
            }
            // Class, number, revision and lessons are counted.
            None if matches!(place, 0 | 2 | 3 | 4) => {
                sheet.write_number(row, place, text.parse::<f64>().unwrap_or_default())?;
            }
            // A text is no formula here, whatever it begins with.
            None => _ = sheet.write_string(row, place, text)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::export::tests::lesson;

    #[test]
    fn a_workbook_is_made() {
        let bytes = workbook(&[lesson()]).unwrap();
        assert!(bytes.starts_with(b"PK"), "a package of parts");
    }
}
