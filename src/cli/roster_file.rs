//! Reads a roster out of a file, as Moodle, Excel and SIGAA write it.
//!
//! Owns what dialects there are: `,` `;` or tab between the fields, with a header or without, UTF-8 with or
//! without a byte order mark, UTF-16 with one, or Windows-1252. Nothing is given out if anything is wrong:
//! every problem is told with its line.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::language::{Cause, Count, text};
use super::prompt::in_line;
use crate::attendance::{Group, Listed, NotALine, StudentName};
use crate::ids::{NotAStudent, StudentNumber};
use crate::limits::{ROSTER_FILE_MAX_BYTES, ROSTER_MAX};

/// The problems that are told; the others are counted.
const PROBLEMS_TOLD_MAX: usize = 20;

/// Why a file is no roster.
#[derive(Debug)]
pub(super) enum RosterFileError {
    Io(io::Error),
    Folder,
    Empty,
    TooLarge,
    Binary,
    Header(Problem),
    NoStudents,
    TooMany,
    Problems(Vec<Problem>),
}

impl From<io::Error> for RosterFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Cause for RosterFileError {
    fn words(&self) -> String {
        match self {
            Self::Io(error) => text!("roster-file-unread", error),
            Self::Folder => text!("roster-file-folder"),
            Self::Empty => text!("roster-file-empty"),
            Self::TooLarge => text!("roster-file-too-large", most = ROSTER_FILE_MAX_BYTES >> 20),
            Self::Binary => text!("roster-file-binary"),
            Self::Header(problem) => problem.to_string(),
            Self::NoStudents => text!("roster-file-no-students"),
            Self::TooMany => text!("roster-file-too-many", most = ROSTER_MAX),
            Self::Problems(problems) => told(problems),
        }
    }
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) line: u64,
    pub(super) what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_line(self.line, &self.what))
    }
}

fn told(problems: &[Problem]) -> String {
    let told = problems.iter().take(PROBLEMS_TOLD_MAX).map(Problem::to_string);
    let mut told: Vec<_> = told.collect();
    let more = problems.len().saturating_sub(PROBLEMS_TOLD_MAX);
    if more > 0 {
        told.push(text!("and-more", count = Count(more)));
    }
    told.join("; ")
}

/// The students of a file, in order of their numbers.
pub(super) fn read(path: &Path) -> Result<Vec<Listed>, RosterFileError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(RosterFileError::Folder);
    }
    // Before it is read: a file of two gigabytes is not.
    if metadata.len() > ROSTER_FILE_MAX_BYTES {
        return Err(RosterFileError::TooLarge);
    }
    let mut bytes = Vec::new();
    file.take(ROSTER_FILE_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > ROSTER_FILE_MAX_BYTES {
        return Err(RosterFileError::TooLarge);
    }
    parse(&bytes)
}

/// The students of a text.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Listed>, RosterFileError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(RosterFileError::Empty);
    }
    let text = decode(bytes)?;
    // Excel writes its separator in a line of its own, for itself.
    let (skipped, text) = match text.strip_prefix("sep=").and_then(|it| it.split_once('\n')) {
        Some((_, rest)) => (1, rest),
        None => (0, &text[..]),
    };
    let rows = rows(text, skipped)?;
    let Some(first) = rows.first() else { return Err(RosterFileError::Empty) };
    let (columns, rows) = match Columns::of_header(first)? {
        Some(columns) => (columns, &rows[1..]),
        None => (Columns::guessed(&rows)?, &rows[..]),
    };
    if rows.is_empty() {
        return Err(RosterFileError::NoStudents);
    }
    if rows.len() > ROSTER_MAX {
        return Err(RosterFileError::TooMany);
    }
    collect(&columns, rows)
}

fn decode(bytes: &[u8]) -> Result<String, RosterFileError> {
    let utf_16 = |encoding: &'static encoding_rs::Encoding, rest: &[u8]| {
        let text = encoding.decode_without_bom_handling_and_without_replacement(rest);
        text.map(std::borrow::Cow::into_owned).ok_or(RosterFileError::Binary)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => return utf_16(UTF_16LE, rest),
        [0xfe, 0xff, rest @ ..] => return utf_16(UTF_16BE, rest),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let is_text = |it: &u8| *it >= b' ' || matches!(it, b'\t' | b'\r' | b'\n');
    if let Some(place) = bytes.iter().position(|it| !is_text(it)) {
        // One in a text is somebody's slip; a picture or a workbook begins with many.
        let line = line_at(bytes, place);
        let start = &bytes[..bytes.len().min(512)];
        if 12 * start.iter().filter(|it| !is_text(it)).count() <= start.len() {
            let what = text!("roster-byte", byte = format_args!("{:#04x}", bytes[place]));
            return Err(RosterFileError::Problems(vec![Problem { line, what }]));
        }
        return Err(RosterFileError::Binary);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => decode_windows(bytes, error.valid_up_to()),
    }
}

/// What is no UTF-8 is of Windows-1252, unless a part of it is UTF-8 all the same.
fn decode_windows(bytes: &[u8], valid_up_to: usize) -> Result<String, RosterFileError> {
    let is_mixed = bytes
        .split(|it| *it == b'\n')
        .any(|line| !line.is_ascii() && std::str::from_utf8(line).is_ok());
    if is_mixed {
        let (line, what) = (line_at(bytes, valid_up_to), text!("roster-encodings"));
        return Err(RosterFileError::Problems(vec![Problem { line, what }]));
    }
    Ok(WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned())
}

fn line_at(bytes: &[u8], place: usize) -> u64 {
    bytes[..place].split(|it| *it == b'\n').count() as u64
}

/// A line with its fields.
struct Row {
    line: u64,
    fields: Vec<String>,
}

impl Row {
    fn field(&self, place: usize) -> &str {
        self.fields.get(place).map_or("", String::as_str)
    }
}

fn rows(text: &str, skipped: u64) -> Result<Vec<Row>, RosterFileError> {
    let delimiter = delimiter(text);
    let unclosed = text.matches('"').count() % 2 == 1;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| io::Error::other(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line) + skipped;
        let fields: Vec<_> = record.iter().map(unwrapped).collect();
        if fields.iter().any(|it| !it.is_empty()) {
            rows.push(Row { line, fields });
        }
    }
    if let Some(last) = rows.last().filter(|_| unclosed) {
        let problem = Problem { line: last.line, what: text!("roster-quotation-mark") };
        return Err(RosterFileError::Problems(vec![problem]));
    }
    Ok(rows)
}

/// What most lines have most of.
fn delimiter(text: &str) -> u8 {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).take(50).collect();
    let score = |delimiter: u8| {
        let counts = lines.iter().map(|line| line.bytes().filter(|it| *it == delimiter).count());
        counts.filter(|count| *count > 0).count()
    };
    // In this order, because a name may have a comma in it, and seldom a tab.
    [b'\t', b';', b','].into_iter().rev().max_by_key(|it| score(*it)).expect("there are three")
}

/// A field without spaces around it, and without what keeps Excel from making a number of it.
fn unwrapped(field: &str) -> String {
    let bare = field.trim();
    let bare = bare.strip_prefix("=\"").and_then(|it| it.strip_suffix('"')).unwrap_or(bare);
    let bare = bare.strip_prefix('\'').unwrap_or(bare);
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// In which columns what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns {
    number: usize,
    name: usize,
    /// The rest of the name, where it is apart.
    surname: Option<usize>,
    group: Option<usize>,
}

const NUMBERS: [&str; 20] = [
    "number",
    "student number",
    "student id",
    "studentid",
    "id number",
    "idnumber",
    "id",
    "matricula",
    "numero de matricula",
    "no de matricula",
    "ra",
    "registro academico",
    "prontuario",
    "numero",
    "nusp",
    "numero usp",
    "numero de identificacao",
    "codigo",
    "numero do aluno",
    "student",
];
const NAMES: [&str; 11] = [
    "name",
    "full name",
    "student name",
    "nome",
    "nome completo",
    "nome do aluno",
    "aluno",
    "discente",
    "nome do discente",
    "estudante",
    "participante",
];
const FIRST_NAMES: [&str; 4] = ["first name", "firstname", "given name", "primeiro nome"];
const SURNAMES: [&str; 5] = ["last name", "lastname", "surname", "sobrenome", "ultimo nome"];
const GROUPS: [&str; 8] =
    ["group", "groups", "section", "turma", "grupo", "grupos", "subturma", "class"];

impl Columns {
    /// Those that a header names; nothing if the line is none.
    fn of_header(row: &Row) -> Result<Option<Self>, RosterFileError> {
        let titles: Vec<_> = row.fields.iter().map(|it| plain(it)).collect();
        let find = |names: &[&str]| titles.iter().position(|it| names.contains(&it.as_str()));
        let number = find(&NUMBERS);
        let (name, first) = (find(&NAMES), find(&FIRST_NAMES));
        let surname = find(&SURNAMES);
        let (line, is_header) = (row.line, number.or(name).or(first).or(surname).is_some());
        // "Nome" beside "Sobrenome" is the first name.
        match (number, name.or(first)) {
            (Some(number), Some(name)) => {
                Ok(Some(Self { number, name, surname, group: find(&GROUPS) }))
            }
            _ if !is_header => Ok(None),
            (None, _) => Err(header(line, text!("roster-header-number"))),
            (_, None) => Err(header(line, text!("roster-header-name"))),
        }
    }

    /// Without a header: the first column that looks like numbers, and the one after it.
    fn guessed(rows: &[Row]) -> Result<Self, RosterFileError> {
        let is_number = |it: &str| {
            it.len() >= 2 && it.bytes().any(|byte| byte.is_ascii_digit()) && !it.contains(' ')
        };
        let width = rows.iter().map(|row| row.fields.len()).max().unwrap_or(0);
        let most = |place: usize| {
            let filled = rows.iter().map(|row| row.field(place)).filter(|it| !it.is_empty());
            filled.clone().filter(|it| is_number(it)).count() * 2 > filled.count()
        };
        let line = rows.first().map_or(1, |row| row.line);
        let number = (0..width).find(|it| most(*it));
        let number = number.ok_or_else(|| header(line, text!("roster-no-number-column")))?;
        let name = (0..width).find(|it| {
            *it != number && !most(*it) && rows.iter().any(|row| !row.field(*it).is_empty())
        });
        let name = name.ok_or_else(|| header(line, text!("roster-no-name-column")))?;
        let group = (name + 1..width).find(|it| *it != number);
        Ok(Self { number, name, surname: None, group })
    }

    fn name(&self, row: &Row) -> String {
        let surname = self.surname.map_or("", |it| row.field(it));
        format!("{} {surname}", row.field(self.name)).trim().to_owned()
    }
}

fn header(line: u64, what: String) -> RosterFileError {
    RosterFileError::Header(Problem { line, what })
}

/// A title without case and accents.
fn plain(title: &str) -> String {
    let lower = title.trim().to_lowercase();
    let plain = |it: char| match it {
        'á' | 'à' | 'â' | 'ã' => 'a',
        'é' | 'ê' => 'e',
        'í' => 'i',
        'ó' | 'ô' | 'õ' => 'o',
        'ú' => 'u',
        'ç' => 'c',
        '_' | '.' | 'º' | '°' => ' ',
        other => other,
    };
    let plain: String = lower.chars().map(plain).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn collect(columns: &Columns, rows: &[Row]) -> Result<Vec<Listed>, RosterFileError> {
    let mut problems = Vec::new();
    let mut found: BTreeMap<StudentNumber, (u64, Listed)> = BTreeMap::new();
    for row in rows {
        match listed(columns, row) {
            Err(what) => problems.push(Problem { line: row.line, what }),
            Ok(it) => match found.get(&it.student) {
                Some((line, before)) if before.name != it.name => problems.push(Problem {
                    line: row.line,
                    what: text!(
                        "roster-two-names",
                        student = it.student,
                        name = it.name,
                        other = before.name,
                        line
                    ),
                }),
                Some(_) => {}
                None => _ = found.insert(it.student, (row.line, it)),
            },
        }
    }
    if !problems.is_empty() {
        return Err(RosterFileError::Problems(problems));
    }
    Ok(found.into_values().map(|(_, it)| it).collect())
}

fn listed(columns: &Columns, row: &Row) -> Result<Listed, String> {
    let number = row.field(columns.number);
    let name = columns.name(row);
    if number.is_empty() {
        return Err(text!("roster-no-number"));
    }
    if let Some(what) = formula(number) {
        return Err(what);
    }
    if is_rounded(number) {
        return Err(text!("roster-rounded", number));
    }
    let student = number
        .parse()
        .map_err(|cause: NotAStudent| format!("'{}': {}", shown(number), cause.words()))?;
    if name.is_empty() {
        return Err(text!("roster-no-name", number));
    }
    if let Some(what) = formula(&name) {
        return Err(what);
    }
    let name: StudentName = name.parse().map_err(|cause: NotALine| {
        text!("roster-name", name = shown(&name), cause = cause.words())
    })?;
    let group = columns.group.map_or("", |it| row.field(it));
    let group =
        match group {
            "" => None,
            group => Some(group.parse::<Group>().map_err(|cause| {
                text!("roster-group", group = shown(group), cause = cause.words())
            })?),
        };
    Ok(Listed { student, name, group })
}

fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_default).collect::<String>()
}

/// What a spreadsheet would execute is nobody's name.
fn formula(text: &str) -> Option<String> {
    let first = text.chars().next()?;
    let is_one = matches!(first, '=' | '+' | '-' | '@');
    is_one.then(|| text!("roster-formula", text = shown(text), first))
}

/// `4.2191E+07`: a number that was one once.
fn is_rounded(number: &str) -> bool {
    let lower = number.to_lowercase();
    let Some((mantissa, exponent)) = lower.split_once("e+") else { return false };
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    digits(exponent) && digits(&mantissa.replacen([',', '.'], "", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<String> {
        let found = parse(bytes).unwrap_or_else(|error| panic!("{}", error.words()));
        let shown = |it: Listed| {
            let group = it.group.map(|it| format!(" [{it}]")).unwrap_or_default();
            format!("{} {}{group}", it.student, it.name)
        };
        found.into_iter().map(shown).collect()
    }

    fn wrong(bytes: &[u8]) -> String {
        parse(bytes).expect_err("it is wrong").words()
    }

    #[test]
    fn the_dialects_of_moodle_excel_and_sigaa_say_the_same() {
        let both = ["042191010 Ana Silva", "10 João d'Água"];
        let windows = WINDOWS_1252
            .encode("sep=;\r\nMatrícula;Nome\r\n042191010;Ana Silva\r\n10;João d'Água\r\n")
            .0;
        let utf_16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(
                "Number\tName\r\n042191010\tAna Silva\r\n10\tJoão d'Água\r\n"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes),
            )
            .collect();
        for text in [
            "First name,Surname,ID number,Email address\nAna,Silva,042191010,a@x.br\nJoão,d'Água,10,j@x.br\n".as_bytes(),
            "Nome,Sobrenome,\"Número de identificação\"\nAna,Silva,042191010\nJoão,d'Água,10\n".as_bytes(),
            "\u{feff}number,name\r\n=\"042191010\",Ana Silva\r\n10,João d'Água".as_bytes(),
            "Nº;Matrícula;Nome\n1;042191010;Ana  Silva\n2;10;João d'Água\n".as_bytes(),
            "042191010\tAna Silva\n10\tJoão d'Água\n".as_bytes(),
            "Ana Silva;042191010\n\nJoão d'Água;10\n".as_bytes(),
            &windows,
            &utf_16,
        ] {
            assert_eq!(read(text), both, "{:?}", String::from_utf8_lossy(text));
        }
        assert_eq!(read(b"id,name,group\n10,Rui,A\n20,Eva,\n"), ["10 Rui [A]", "20 Eva"]);
        assert_eq!(read(b"10,Rui\n10,Rui\n"), ["10 Rui"], "twice the same is once");
        assert_eq!(read("10,王小明\n20,محمد\n".as_bytes()), ["10 王小明", "20 محمد"]);
    }

    #[test]
    fn every_problem_is_told_with_its_line_and_what_to_do() {
        for (text, says) in [
            (&b""[..], "it is empty"),
            (b" \n\n", "it is empty"),
            (b"\x89PNG\r\n\x1a\n\0\0", "it is no text; save the table as CSV first"),
            (b"number,name\n", "it has no students, only a header"),
            (b"number,surname\n1,2\n", "line 1: the header names no column with the names"),
            (
                b"name,email\nAna,a@x\n",
                "line 1: the header names no column with the student numbers",
            ),
            (b"10,Ana\n10,Rui\n", "line 2: 10 is Rui here and Ana in line 1; keep one of them"),
            (b"10,Ana\n20\n", "line 2: 20 has no name; the line may have been cut off"),
            (b"10,Ana\n20,\"Ru", "line 2: a quotation mark is opened and never closed"),
            (b"10,Ana\n,Rui\n", "line 2: there is no student number"),
            (
                b"10,Ana\n4.2191E+07,Rui\n",
                "line 2: a spreadsheet has made '4.2191E+07' of the number",
            ),
            (
                b"number;name\n10;Ana\n\"4,2191E+07\";Rui\n",
                "line 3: a spreadsheet has made '4,2191E+07'",
            ),
            (b"10,Ana\n20,=1+1\n", "line 2: '=1+1' begins with '=', as a formula does"),
            (b"10,Ana\n+20,Rui\n", "line 2: '+20' begins with '+'"),
            (b"10,Ana\n20,R\0ui\n", "line 2: it has a byte 0x00"),
            (
                b"10,Jo\xc3\xa3o\n20,Jos\xe9\n",
                "line 2: it is in another encoding than the lines before it",
            ),
            (
                "10,Ana\n20,Rui\u{202e}\n".as_bytes(),
                "line 2: the name 'Rui\\u{202e}' cannot be one",
            ),
            (
                b"10,Ana\n123456789012345678901234567890123,Rui\n",
                "line 2: '123456789012345678901234567890123'",
            ),
            (b"Ana\nRui\n", "line 1: it is not clear which column"),
        ] {
            let said = wrong(text);
            assert!(said.starts_with(says), "{:?}: {said}", String::from_utf8_lossy(text));
        }
        let many: String =
            (0..30).fold(String::new(), |text, number| text + &format!("{number}\n"));
        let said = wrong(format!("number,name\n{many}").as_bytes());
        assert!(said.ends_with("and 10 more"), "{said}");
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roster.csv");
        File::create(&path).unwrap().set_len(2 << 30).unwrap();
        let error = super::read(&path).unwrap_err();
        assert!(matches!(error, RosterFileError::TooLarge), "{error:?}");
        assert!(matches!(super::read(folder.path()).unwrap_err(), RosterFileError::Folder));
        let many: String =
            (0..=ROSTER_MAX).fold(String::new(), |text, it| text + &format!("{it:06},Ana\n"));
        assert!(matches!(parse(many.as_bytes()).unwrap_err(), RosterFileError::TooMany));
    }
}
