//! "Did you mean …?"

/// The known name closest to a misspelt one, when it is close enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| *distance <= 2.min(candidate.chars().count() / 2))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().collect();
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (line, left) in one.chars().enumerate() {
        let mut next = vec![line + 1];
        for (place, right) in two.iter().enumerate() {
            let change = row.get(place).copied().unwrap_or(0) + usize::from(left != *right);
            let add = next.get(place).copied().unwrap_or(0) + 1;
            let drop = row.get(place + 1).copied().unwrap_or(0) + 1;
            next.push(change.min(add).min(drop));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        assert_eq!(nearest("conections", &["connections", "sets"]), Some("connections"));
        assert_eq!(nearest("Source", &["source"]), Some("source"));
        assert_eq!(nearest("grace", &["source", "sets"]), None);
        assert_eq!(nearest("x", &["on"]), None);
    }
}
