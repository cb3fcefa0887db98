//! Numbers as labels.

/// `value` with three significant digits at most and without trailing zeros.
pub fn format_number(value: f64) -> String {
    let places = match value.abs() {
        0.0 => 0,
        magnitude => (2 - magnitude.log10().floor() as i32).clamp(0, 6) as usize,
    };
    let text = format!("{value:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::format_number;

    #[test]
    fn numbers_have_three_digits_and_no_trailing_zeros() {
        let shown = [0.0, 1.0, 0.1, 9.4712, 200.0, 0.00123, 1234.0].map(format_number);
        assert_eq!(shown, ["0", "1", "0.1", "9.47", "200", "0.00123", "1234"]);
    }
}
