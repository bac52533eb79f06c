//! Record ids: 15 case-sensitive characters, or 18 with a checksum over the case.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Place of the first number, and the distance between two.
const START: u64 = 62_u64.pow(7) + 11 * 62_u64.pow(4) + 39 * 62_u64.pow(2);
const STEP: u64 = 37;

/// The 18-character form of a 15- or 18-character id; `None` when it is not a well-formed id or its checksum is wrong.
///
/// Object Reference, "Field Types", ID field type: bit *k* of each group of five is set when character *k* is upper-case.
pub fn id18(id: &str) -> Option<String> {
    if !matches!(id.len(), 15 | 18) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let (body, given) = id.split_at_checked(15)?;
    let mut whole = body.to_owned();
    for group in body.as_bytes().chunks(5) {
        let mask = group
            .iter()
            .enumerate()
            .filter(|(_, byte)| byte.is_ascii_uppercase())
            .fold(0_usize, |mask, (bit, _)| mask | (1 << bit));
        whole.push(char::from(*CHECK.get(mask)?));
    }
    (given.is_empty() || whole.ends_with(given)).then_some(whole)
}

/// The id with this key prefix and running number, in 18 characters. Ids of one prefix sort by number.
pub(super) fn numbered(prefix: &str, number: u64) -> String {
    // Starting high makes letters of both cases appear, so that a client that folds case is found out.
    let mut rest = number.saturating_mul(STEP).saturating_add(START);
    let mut whole = [b'0'; 18];
    for (place, byte) in whole.iter_mut().zip(prefix.bytes().take(3).chain(*b"5f00")) {
        *place = byte;
    }
    for place in whole.iter_mut().take(15).skip(7).rev() {
        let digit = usize::try_from(rest % 62).unwrap_or(0);
        *place = DIGITS.get(digit).copied().unwrap_or(b'0');
        rest /= 62;
    }
    // The same checksum as above, in place: a million ids are made of an evening.
    let mut masks = [0_usize; 3];
    for (at, byte) in whole.iter().take(15).enumerate() {
        if let Some(mask) = masks.get_mut(at / 5) {
            *mask |= usize::from(byte.is_ascii_uppercase()) << (at % 5);
        }
    }
    for (place, mask) in whole.iter_mut().skip(15).zip(masks) {
        *place = CHECK.get(mask).copied().unwrap_or(b'A');
    }
    String::from_utf8_lossy(&whole).into_owned()
}

/// The running number behind an id made by [`numbered`]; `None` for any other.
pub(super) fn number(prefix: &str, id: &str) -> Option<u32> {
    let tail = id.get(..15)?.strip_prefix(prefix)?.strip_prefix("5f00")?;
    let place = tail.bytes().try_fold(0_u64, |place, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        place.checked_mul(62)?.checked_add(u64::from(digit))
    })?;
    let past = place.checked_sub(START)?;
    (past % STEP == 0).then_some(past / STEP)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{id18, number, numbered};

    #[test]
    fn a_number_reads_back_from_its_id() {
        for wanted in [1, 2, 61, 62, 1_000_000, u32::MAX] {
            assert_eq!(number("001", &numbered("001", u64::from(wanted))), Some(wanted));
        }
        assert_eq!(number("003", &numbered("001", 5)), None);
        assert_eq!(number("001", "0015f00000ACC01AAH"), None);
    }

    #[test]
    fn checksum_agrees_with_the_vendor() {
        // Public example pair of the vendor's own documentation on 15 and 18 characters.
        assert_eq!(id18("001A0000006Vm9r").as_deref(), Some("001A0000006Vm9rIAC"));
        assert_eq!(id18("0055f00000AAAA1").as_deref(), Some("0055f00000AAAA1AAP"));
        assert_eq!(id18("0055f00000AAAA1AAP").as_deref(), Some("0055f00000AAAA1AAP"));
    }

    #[test]
    fn bad_ids_are_refused() {
        for bad in [
            "",
            "005",
            "0055f00000AAAA1AAA",
            "0055f00000AAAA'",
            "0055f00000AAAA1AAPX",
        ] {
            assert_eq!(id18(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbered_ids_sort_and_differ() {
        let ids: Vec<String> = (1..200).map(|number| numbered("005", number)).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.len() == 18 && id18(id).as_deref() == Some(id)));
        assert!(
            ids.iter()
                .any(|id| id[..15].bytes().any(|byte| byte.is_ascii_lowercase()))
        );
    }
}
