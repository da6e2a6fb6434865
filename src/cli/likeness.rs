//! Whom a text may mean: a mistyped number, a part of a number or of a name.

use crate::attendance::Listed;

/// The student whose number is nearest to a mistyped one, unless two are as near.
pub(super) fn nearest<'a>(typed: &str, students: &'a [Listed]) -> Option<&'a Listed> {
    let typed = bare(typed);
    let most = if typed.len() >= 8 { 2 } else { 1 };
    let mut best: Option<(usize, &Listed)> = None;
    let mut is_alone = true;
    for student in students {
        let distance = strsim::osa_distance(typed, bare(student.student.as_str()));
        match best {
            Some((least, _)) if distance > least => {}
            Some((least, _)) if distance == least => is_alone = false,
            _ => (best, is_alone) = (Some((distance, student)), true),
        }
    }
    best.filter(|it| it.0 <= most && is_alone).map(|it| it.1)
}

/// Zeros in front are forgotten more often than digits are mistyped.
fn bare(number: &str) -> &str {
    number.trim_start_matches('0')
}

/// Those whose number has this text in it, or whose name has, whatever its case and accents.
pub(super) fn matching<'a>(typed: &str, students: &'a [Listed]) -> Vec<&'a Listed> {
    let typed = plain(typed);
    if typed.is_empty() {
        return Vec::new();
    }
    let matches = |it: &&Listed| {
        plain(it.student.as_str()).contains(&typed) || plain(it.name.as_str()).contains(&typed)
    };
    students.iter().filter(matches).collect()
}

fn plain(text: &str) -> String {
    let plain = |it: char| match it {
        'á' | 'à' | 'â' | 'ã' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        other => other,
    };
    text.trim().to_lowercase().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> Vec<Listed> {
        let student = |(number, name): (&str, &str)| Listed {
            student: number.parse().unwrap(),
            name: name.parse().unwrap(),
            group: None,
        };
        [("042191010", "Ana Silva"), ("042191020", "João Água"), ("51000001", "Rui")]
            .map(student)
            .into()
    }

    #[test]
    fn a_typo_is_told_with_whom_it_may_mean() {
        let students = roster();
        let meant = |typed| nearest(typed, &students).map(|it| it.name.to_string());
        assert_eq!(meant("4219101"), Some("Ana Silva".into()), "a zero forgotten at each end");
        assert_eq!(meant("42191010"), Some("Ana Silva".into()));
        assert_eq!(meant("042191001"), Some("Ana Silva".into()), "two swapped");
        assert_eq!(meant("51000010"), Some("Rui".into()));
        assert_eq!(meant("042191030"), None, "two are as near");
        assert_eq!(meant("99"), None);
        assert_eq!(nearest("1", &[]), None);
    }

    #[test]
    fn a_part_of_a_name_or_a_number_is_enough() {
        let students = roster();
        let found = |typed| {
            let found = matching(typed, &students);
            found.iter().map(|it| it.student.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("joao"), ["042191020"]);
        assert_eq!(found("SILVA"), ["042191010"]);
        assert_eq!(found("0421"), ["042191010", "042191020"]);
        assert_eq!(found(" "), Vec::<String>::new());
    }
}
