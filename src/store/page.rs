//! Lists, a page at a time.

use std::fmt;

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::conversation::word_enum;
use crate::domain::error::FieldError;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::rows::Row;
use crate::store::statement::Statement;

/// A filtered count is exact up to here and a lower bound above.
const COUNT_CAP: i64 = 10_000;

word_enum!(
    /// In which order a list is wanted that is ordered by when its items were made.
    CreatedOrder {
        /// The oldest first.
        CreatedAt = "created_at",
        /// The newest first.
        CreatedAtDown = "-created_at",
    }
);

/// Which part of a list is wanted. Without an order of their own all lists are ordered newest first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PageRequest {
    /// The most items; 0 asks for the count alone.
    pub limit: u32,
    /// Items to leave out, after `after`; slow when large, which `after` is not.
    pub offset: u32,
    /// Continue behind this place: [`Page::next`] of the page before, in the same order.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The first so many items.
    pub fn first(limit: u32) -> Self {
        Self { limit, offset: 0, after: None }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// How many items pass the filter, on all pages together.
    pub count: i64,
    /// Whether `count` stopped counting, and there are more.
    pub count_is_lower_bound: bool,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

/// A place in a list, opaque to callers: text that [`Cursor::parse`] reads back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    moment: i64,
    id: Uuid,
}

impl Cursor {
    /// Reads a cursor as it was given out.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let wrong = || FieldError::new("cursor", "must be a cursor from 'next' of an earlier page");
        let (moment, id) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self { moment: moment.parse().map_err(|_| wrong())?, id: Uuid::parse_str(id).map_err(|_| wrong())? })
    }

    /// The place behind the one item of a moment, in a list that has no more than one of each.
    pub fn behind(moment: Timestamp) -> Self {
        Self { moment: moment.as_millis(), id: Uuid::nil() }
    }

    /// The moment of the item that it stands behind.
    pub fn moment(&self) -> Timestamp {
        Timestamp::from_millis(self.moment)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.moment, self.id.simple())
    }
}

/// A row that a page can end with.
pub(super) trait Keyed {
    /// The moment, or what else the list is ordered by, and the id.
    fn key(&self) -> (i64, Uuid);
}

/// The fragments of one list. `from` begins with `FROM` and ends inside the filter, so that more can be added to it.
pub(super) struct List {
    /// `SELECT` and the columns.
    pub columns: &'static str,
    /// The tables and the filter, with its values.
    pub from: Statement,
    /// By what it is ordered.
    pub order: Order,
}

/// By what a list is ordered: a number, and the id where two have the same. Made by `ascending!` and `descending!`.
#[derive(Clone, Copy)]
pub(super) struct Order {
    /// `, number AS ordered_by`, the last of the columns.
    pub place: &'static str,
    /// ` AND number <= `, when it is computed: SQLite finds a column by the comparison below in an index, and what is computed
    /// by this.
    pub bound: Option<&'static str>,
    /// ` AND (number, id) < (`, the beginning of a comparison with a place.
    pub behind: &'static str,
    /// ` ORDER BY number DESC, id DESC`.
    pub by: &'static str,
}

impl Store {
    /// One page of a list, and how many there are.
    pub(super) async fn page<R: Row + Keyed>(&self, list: List, page: &PageRequest) -> Result<Page<R>, StoreError> {
        let mut select = Statement::new(list.columns);
        select.push(list.order.place).push(" ").push_statement(&list.from);
        if let Some(after) = page.after {
            if let Some(bound) = list.order.bound {
                select.push_with(bound, after.moment);
            }
            select.push_with(list.order.behind, after.moment).push_with(", ", after.id).push(")");
        }
        // One more than wanted tells whether there is a next page.
        select.push(list.order.by).push_with(" LIMIT ", i64::from(page.limit) + 1);
        select.push_with(" OFFSET ", i64::from(page.offset));
        let mut items: Vec<R> = self.rows(select).await?;

        let limit = page.limit as usize;
        let more = items.len() > limit;
        let is_all = !more && page.after.is_none() && page.offset == 0;
        // Whoever looks for little has read it all for the page, and need not read it all again to count it.
        let counted = if is_all { items.len() as i64 } else { self.capped_count(&list.from).await? };
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| {
            let (moment, id) = last.key();
            Cursor { moment, id }
        });
        Ok(Page { items, count: counted.min(COUNT_CAP), count_is_lower_bound: counted > COUNT_CAP, next })
    }

    /// How many items pass the filter; one more than the cap stands for more.
    async fn capped_count(&self, from: &Statement) -> Result<i64, StoreError> {
        let mut count = Statement::new("SELECT COUNT(*) FROM (SELECT 1 ");
        count.push_statement(from).push_with(" LIMIT ", COUNT_CAP + 1).push(") AS capped");
        self.number(count).await
    }
}

impl<T> Page<T> {
    /// The same page with its items read into another type.
    pub(super) fn try_map<U>(self, read: impl FnMut(T) -> Result<U, StoreError>) -> Result<Page<U>, StoreError> {
        let Self { items, count, count_is_lower_bound, next } = self;
        let items = items.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page { items, count, count_is_lower_bound, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back() {
        let cursor = Cursor { moment: -5, id: Uuid::from_u128(7) };
        assert_eq!(Cursor::parse(&cursor.to_string()), Ok(cursor));
        for bad in ["", "5", "5.x", "x.00000000000000000000000000000007"] {
            assert!(Cursor::parse(bad).is_err(), "{bad:?}");
        }
    }
}
