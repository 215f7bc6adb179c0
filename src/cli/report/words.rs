//! Numbers and texts as they stand on the page. What is not known is a dash, never a zero.

use crate::domain::text::{shorten, tidy};

/// Stands for what is not known.
pub const UNKNOWN: &str = "–";

/// A share as percent, with one decimal.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| UNKNOWN.to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// A number with so many decimals and its unit.
pub fn number(value: Option<f64>, decimals: usize, unit: &str) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{value:.decimals$}{unit}"))
}

/// A count with spaces between thousands.
pub fn count(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut grouped = String::from(if value < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// An amount in US dollars, with four decimals below one dollar.
pub fn dollars(amount: Option<f64>) -> String {
    let decimals = if amount.is_some_and(|amount| amount.abs() >= 1.0) { 2 } else { 4 };
    amount.map_or_else(|| UNKNOWN.to_owned(), |amount| format!("${amount:.decimals$}"))
}

/// How much one value is above the other, scaled, with its sign.
pub fn change(now: Option<f64>, then: Option<f64>, scale: f64, decimals: usize, unit: &str) -> String {
    let Some((now, then)) = now.zip(then) else { return UNKNOWN.to_owned() };
    let change = (now - then) * scale;
    let shown = format!("{change:+.decimals$}");
    // A change that rounds away has no direction.
    let is_nothing = shown.trim_start_matches(['+', '-']).chars().all(|c| matches!(c, '0' | '.'));
    if is_nothing { "=".to_owned() } else { format!("{shown}{unit}") }
}

/// A text as a cell of a table: one line, not too long, with nothing in it that Markdown or HTML would read.
pub fn cell(text: &str, chars: usize) -> String {
    let mut cell = String::new();
    for c in shorten(&tidy(text), chars).chars() {
        match c {
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            '&' => cell.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' => {
                cell.push('\\');
                cell.push(c);
            }
            other => cell.push(other),
        }
    }
    cell
}

/// A table with its header; every row has as many cells.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let names: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    let mut text = line(&names);
    text.push_str(&format!("|{}\n", "---|".repeat(header.len())));
    rows.iter().for_each(|row| text.push_str(&line(row)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable_and_what_is_unknown_is_a_dash() {
        assert_eq!((percent(Some(0.615)).as_str(), percent(None).as_str()), ("61.5 %", "–"));
        assert_eq!(
            (count(1_234_567).as_str(), count(12).as_str(), count(-1_000).as_str()),
            ("1 234 567", "12", "-1 000")
        );
        assert_eq!((dollars(Some(12.345)).as_str(), dollars(Some(0.0312)).as_str()), ("$12.35", "$0.0312"));
        assert_eq!(number(Some(4.25), 2, " ms"), "4.25 ms");
    }

    #[test]
    fn a_change_has_a_sign_unless_it_is_none() {
        assert_eq!(change(Some(0.65), Some(0.6), 100.0, 1, " points"), "+5.0 points");
        assert_eq!(change(Some(3.0), Some(5.0), 1.0, 0, ""), "-2");
        assert_eq!(change(Some(0.50001), Some(0.5), 100.0, 1, " points"), "=");
        assert_eq!(change(None, Some(0.5), 1.0, 1, ""), "–");
    }

    #[test]
    fn a_text_cannot_break_the_page() {
        assert_eq!(cell("a|b\n<script> [x](y) **", 80), "a\\|b &lt;script&gt; \\[x\\](y) \\*\\*");
        assert_eq!(
            table(&["one", "two"], &[vec!["1".to_owned(), "2".to_owned()]]),
            "| one | two |\n|---|---|\n| 1 | 2 |\n"
        );
    }
}
