//! Pages of lists: by keyset, which stays fast and stays put while new items come in, or by offset or number for
//! callers that count.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::error::ApiError;
use crate::api::fields::FieldChecks;
use crate::api::page_url::PageUrl;
use crate::store::page::{Cursor, Page, PageRequest};

/// The most items of a page.
pub(super) const MAX_LIMIT: i64 = 100;
/// Items of a page when nobody says.
pub(super) const DEFAULT_LIMIT: i64 = 20;
/// The largest offset; whoever wants to go further goes by `next`.
const MAX_OFFSET: i64 = 10_000_000;

/// Which page of a list. Without any of these: the first one; follow `next` for the others.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PagingParams {
    /// Items of a page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<String>,
    /// Items to leave out.
    #[param(value_type = Option<u32>, minimum = 0, maximum = 10_000_000)]
    pub offset: Option<String>,
    /// The page by its number, from 1; instead of `offset`.
    #[param(value_type = Option<u32>, minimum = 1)]
    pub page: Option<String>,
    /// The same as `limit`.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub page_size: Option<String>,
    /// Stands in `next`; instead of `offset` and `page`.
    pub cursor: Option<String>,
}

impl PagingParams {
    /// The names of these parameters.
    pub(super) const NAMES: [&str; 5] = ["limit", "offset", "page", "page_size", "cursor"];

    /// Reads them; `ordering` is what stands beside them, the word of an order.
    pub(super) fn check(&self, ordering: Option<&str>) -> Result<Paging, ApiError> {
        let mut checks = FieldChecks::default();
        let limit = limit(&mut checks, self.limit.as_deref(), self.page_size.as_deref());
        let offset = checks.whole_text("offset", self.offset.as_deref(), 0..=MAX_OFFSET);
        let page = checks.whole_text("page", self.page.as_deref(), 1..=MAX_OFFSET);
        let cursor = self.cursor.as_deref().map(parse_cursor);
        let place = match (&self.offset, &self.page, cursor) {
            (None, None, None) => Place::First,
            (Some(_), None, None) => Place::Offset(offset.unwrap_or_default()),
            (None, Some(_), None) => {
                let page = page.unwrap_or(1);
                if (page - 1).saturating_mul(limit) > MAX_OFFSET {
                    checks.refuse("page", format!("must not begin behind item {MAX_OFFSET}"));
                }
                Place::Number(page)
            }
            (None, None, Some(Some(given))) if given.ordering == ordering => {
                Place::Behind(given.cursor, given.position)
            }
            (None, None, Some(Some(_))) => {
                checks.refuse("cursor", "belongs to a list in another ordering; begin that with its first page");
                Place::First
            }
            (None, None, Some(None)) => {
                checks.refuse("cursor", "must be the cursor of a 'next' that was answered");
                Place::First
            }
            _ => {
                checks.refuse("cursor", "give one of offset, page and cursor");
                Place::First
            }
        };
        checks.finish()?;
        let is_sized = self.limit.is_some() || self.page_size.is_some();
        Ok(Paging { limit, is_sized, place, ordering: ordering.map(str::to_owned) })
    }
}

/// The wanted number of items, by either name.
pub(super) fn limit(checks: &mut FieldChecks, limit: Option<&str>, page_size: Option<&str>) -> i64 {
    if limit.is_some() && page_size.is_some() && limit != page_size {
        checks.refuse("page_size", "is the same as limit; give one of them");
    }
    let limit = checks.whole_text("limit", limit, 1..=MAX_LIMIT);
    let page_size = checks.whole_text("page_size", page_size, 1..=MAX_LIMIT);
    limit.or(page_size).unwrap_or(DEFAULT_LIMIT)
}

/// A cursor as callers have it.
struct GivenCursor<'a> {
    cursor: Cursor,
    /// The word of the order in which it is a place; `None` is the list's own order.
    ordering: Option<&'a str>,
    /// How many items come before it, so that there is a way back, too.
    position: i64,
}

fn parse_cursor(text: &str) -> Option<GivenCursor<'_>> {
    let parts: Vec<&str> = text.split('.').collect();
    let (number, id, ordering, position) = match *parts.as_slice() {
        [number, id, position] => (number, id, None, position),
        [number, id, ordering, position] => (number, id, Some(ordering), position),
        _ => return None,
    };
    let position = position.parse().ok().filter(|position| (0..=i64::from(u32::MAX)).contains(position))?;
    Some(GivenCursor { cursor: Cursor::parse(&format!("{number}.{id}")).ok()?, ordering, position })
}

/// Which page is wanted.
#[derive(Debug, PartialEq)]
pub(super) struct Paging {
    limit: i64,
    is_sized: bool,
    place: Place,
    /// The word of the order, if one was given.
    ordering: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Place {
    First,
    Behind(Cursor, i64),
    Offset(i64),
    Number(i64),
}

impl Paging {
    /// The page as the store takes it.
    pub(super) fn request(&self) -> PageRequest {
        let offset = match self.place {
            Place::First | Place::Behind(..) => 0,
            Place::Offset(offset) => offset,
            Place::Number(page) => (page - 1) * self.limit,
        };
        let after = match self.place {
            Place::Behind(cursor, _) => Some(cursor),
            _ => None,
        };
        let bounded = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        PageRequest { limit: bounded(self.limit), offset: bounded(offset), after }
    }

    /// One page as it is answered; `results` are its items.
    pub(super) fn answer<T, U>(&self, url: &PageUrl, page: &Page<T>, results: Vec<U>) -> List<U> {
        List {
            count: page.count,
            count_is_lower_bound: page.count_is_lower_bound,
            next: page.next.map(|cursor| url.with(&self.next(cursor, results.len()))),
            previous: self.previous().map(|page| url.with(&page)),
            results,
        }
    }

    /// One page as it is answered, each of its items as `body` makes it.
    pub(super) fn answer_each<T, U>(&self, url: &PageUrl, mut page: Page<T>, body: impl FnMut(T) -> U) -> List<U> {
        let results = std::mem::take(&mut page.items).into_iter().map(body).collect();
        self.answer(url, &page, results)
    }

    fn next(&self, cursor: Cursor, items: usize) -> Vec<(&'static str, String)> {
        let items = i64::try_from(items).unwrap_or_default();
        match self.place {
            Place::First => self.sized(("cursor", self.cursor(cursor, items))),
            Place::Behind(_, position) => self.sized(("cursor", self.cursor(cursor, position + items))),
            Place::Offset(offset) => self.sized(("offset", (offset + items).to_string())),
            Place::Number(page) => self.sized(("page", (page + 1).to_string())),
        }
    }

    /// A cursor as callers have it: without its ordering it would be another place.
    fn cursor(&self, cursor: Cursor, position: i64) -> String {
        match &self.ordering {
            Some(ordering) => format!("{cursor}.{ordering}.{position}"),
            None => format!("{cursor}.{position}"),
        }
    }

    /// The page before. Behind a cursor it is found by counting, so that items which came in meanwhile move it.
    fn previous(&self) -> Option<Vec<(&'static str, String)>> {
        match self.place {
            Place::First | Place::Offset(0) | Place::Behind(_, 0) | Place::Number(1) => None,
            Place::Behind(_, position) | Place::Offset(position) => {
                Some(self.sized(("offset", (position - self.limit).max(0).to_string())))
            }
            Place::Number(page) => Some(self.sized(("page", (page - 1).to_string()))),
        }
    }

    /// A page, with its size if one was asked for.
    fn sized(&self, place: (&'static str, String)) -> Vec<(&'static str, String)> {
        let name = if matches!(self.place, Place::Number(_)) { "page_size" } else { "limit" };
        let mut page = vec![place];
        if self.is_sized {
            page.push((name, self.limit.to_string()));
        }
        page
    }
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List<T> {
    /// How many items there are on all pages together.
    count: i64,
    /// There when counting stopped before the end: `count` is then the least number.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    count_is_lower_bound: bool,
    /// The next page, as an absolute URL; null on the last one.
    #[schema(required, format = "uri")]
    next: Option<String>,
    /// The page before, as an absolute URL; null on the first one.
    #[schema(required, format = "uri")]
    previous: Option<String>,
    /// The items of this page.
    results: Vec<T>,
}

impl<T> List<T> {
    /// Everything that there is, on one page.
    pub(super) fn of_all(results: Vec<T>) -> Self {
        let count = i64::try_from(results.len()).unwrap_or(i64::MAX);
        Self { count, count_is_lower_bound: false, next: None, previous: None, results }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    const CURSOR: &str = "1700000000000.00000000000000000000000000000007";

    fn params(given: &[(&str, &str)]) -> PagingParams {
        let value = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        PagingParams {
            limit: value("limit"),
            offset: value("offset"),
            page: value("page"),
            page_size: value("page_size"),
            cursor: value("cursor"),
        }
    }

    /// The links of a full page in the middle of a list.
    #[track_caller]
    fn check(given: &[(&str, &str)], next: &str, previous: Option<&str>) {
        let paging = params(given).check(None).expect("it is a page");
        let request = Request::builder().uri("/list").header("host", "h").body(()).expect("a request");
        let url = PageUrl::of(&request.into_parts().0);
        let results = vec![(); usize::try_from(paging.limit).expect("it is small")];
        // What was read may have been taken out of the page to be answered.
        let items = Vec::<()>::new();
        let page = Page { items, count: 900, count_is_lower_bound: false, next: Cursor::parse(CURSOR).ok() };
        let list = paging.answer(&url, &page, results);
        let link = |query: &str| format!("http://h/list?{query}");
        assert_eq!(list.next, Some(link(next)), "{given:?}");
        assert_eq!(list.previous, previous.map(link), "{given:?}");
    }

    #[test]
    fn links_go_on_in_the_way_that_was_begun() {
        check(&[], &format!("cursor={CURSOR}.20"), None);
        check(&[("limit", "5")], &format!("cursor={CURSOR}.5&limit=5"), None);
        let second = format!("{CURSOR}.20");
        check(&[("cursor", &second)], &format!("cursor={CURSOR}.40"), Some("offset=0"));
        check(&[("offset", "30")], "offset=50", Some("offset=10"));
        check(&[("page", "1"), ("page_size", "10")], "page=2&page_size=10", None);
        check(&[("page", "3")], "page=4", Some("page=2"));
    }

    #[test]
    fn a_page_is_asked_for_in_one_way() {
        for wrong in [
            &[("limit", "0")][..],
            &[("limit", "101")],
            &[("limit", "many")],
            &[("limit", "5"), ("page_size", "6")],
            &[("offset", "-1")],
            &[("page", "0")],
            &[("page", "10000000")],
            &[("cursor", "x")],
            &[("cursor", "1.2.3")],
            &[("offset", "1"), ("page", "1")],
        ] {
            assert!(params(wrong).check(None).is_err(), "{wrong:?}");
        }
        let request = params(&[("page", "3"), ("page_size", "7")]).check(None).expect("a page").request();
        assert_eq!((request.limit, request.offset), (7, 14));
    }

    #[test]
    fn a_cursor_is_a_place_in_one_ordering_alone() {
        let (plain, by_uses) = (format!("{CURSOR}.20"), format!("{CURSOR}.-uses.20"));
        let check = |cursor: &str, ordering| params(&[("cursor", cursor)]).check(ordering);
        let paging = check(&by_uses, Some("-uses")).expect("it is a page");
        assert_eq!(paging.request().after, Cursor::parse(CURSOR).ok());
        assert_eq!(paging.cursor(Cursor::parse(CURSOR).expect("a cursor"), 40), format!("{CURSOR}.-uses.40"));
        for (cursor, ordering) in [(&by_uses, None), (&by_uses, Some("uses")), (&plain, Some("-uses"))] {
            let error = check(cursor, ordering).expect_err("another ordering");
            assert!(error.message.starts_with("cursor: belongs to a list in another ordering"), "{}", error.message);
        }
        assert!(check(&format!("{CURSOR}.-uses.20.3"), Some("-uses")).is_err());
    }
}
