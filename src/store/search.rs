//! Words that are looked for in texts: literally, in any case.

use crate::store::statement::Statement;

impl Statement {
    /// Adds that a text holds each of these words. `column` is ` AND t.search_text LIKE `, of a column that is written with
    /// [`search_text`].
    pub(super) fn push_words(&mut self, column: &'static str, words: Option<&str>) -> &mut Self {
        for word in words.unwrap_or_default().split_whitespace() {
            self.push_with(column, contains(&word.to_lowercase())).push(" ESCAPE '!'");
        }
        self
    }

    /// As [`Statement::push_words`] for columns that are kept as they were given, of which one holds the word. A column is
    /// `LOWER(t.name) LIKE ` and `t.name LIKE `: databases do not lower-case every script, so that a letter outside ASCII
    /// may have to be written as it is.
    pub(super) fn push_words_in(&mut self, columns: &[[&'static str; 2]], words: Option<&str>) -> &mut Self {
        for word in words.unwrap_or_default().split_whitespace() {
            let mut before = " AND (";
            for &[lowered, as_given] in columns {
                self.push(before).push_with(lowered, contains(&word.to_lowercase())).push(" ESCAPE '!' OR ");
                self.push_with(as_given, contains(word)).push(" ESCAPE '!'");
                before = " OR ";
            }
            self.push(")");
        }
        self
    }
}

/// Texts as words are looked for in them. Lower-cased here, because the databases lower-case other scripts than Latin
/// differently, or not at all.
pub(super) fn search_text<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().collect::<Vec<_>>().join("\n").to_lowercase()
}

/// A `LIKE` pattern for texts that contain this word literally.
fn contains(word: &str) -> String {
    let mut pattern = String::from("%");
    for c in word.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_searched_word_is_taken_literally() {
        assert_eq!(contains("100%_ökologisch!"), "%100!%!_ökologisch!!%");
    }

    #[test]
    fn every_word_must_be_found() {
        let mut select = Statement::new("");
        select.push_words(" AND t.search_text LIKE ", Some(" Zwei  WÖRTER ")).push_words(" AND x LIKE ", None);
        assert_eq!(select.text(), " AND t.search_text LIKE $1 ESCAPE '!' AND t.search_text LIKE $2 ESCAPE '!'");

        let mut select = Statement::new("");
        let columns = [["LOWER(a) LIKE ", "a LIKE "], ["LOWER(b) LIKE ", "b LIKE "]];
        select.push_words_in(&columns, Some("word"));
        let expected = " AND (LOWER(a) LIKE $1 ESCAPE '!' OR a LIKE $2 ESCAPE '!' OR LOWER(b) LIKE $3 ESCAPE '!' \
                        OR b LIKE $4 ESCAPE '!')";
        assert_eq!(select.text(), expected);
    }

    #[test]
    fn what_is_searched_is_lower_cased_in_every_script() {
        assert_eq!(search_text(["Größe", "ПРИВЕТ"]), "größe\nпривет");
    }
}
