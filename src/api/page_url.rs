//! Links to other pages of a list, as the caller sees this server: behind a proxy, by what the proxy says.

use axum::extract::OriginalUri;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::request::Parts;

use crate::api::paging::PagingParams;

/// Where a list was asked for.
pub(super) struct PageUrl {
    /// Scheme, host and path.
    address: String,
    /// What was asked for but the page, as it was sent.
    filter: Vec<String>,
}

impl PageUrl {
    pub(super) fn of(parts: &Parts) -> Self {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let first = |name: &str| first_of(&parts.headers, name);
        let scheme = first("x-forwarded-proto").filter(|scheme| ["http", "https"].contains(scheme)).unwrap_or("http");
        let host = first("x-forwarded-host")
            .or_else(|| first(HOST.as_str()))
            .or_else(|| uri.authority().map(|authority| authority.as_str()))
            .filter(|host| is_host(host))
            .unwrap_or("localhost");
        let prefix = first("x-forwarded-prefix").filter(|prefix| is_path(prefix)).unwrap_or_default();
        let filter = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !is_paging(pair));
        Self {
            address: format!("{scheme}://{host}{}{}", prefix.trim_end_matches('/'), uri.path()),
            filter: filter.map(str::to_owned).collect(),
        }
    }

    /// The same list with these parameters instead of those of its page.
    pub(super) fn with(&self, page: &[(&str, String)]) -> String {
        let page = page.iter().map(|(name, value)| format!("{name}={value}"));
        let query: Vec<String> = self.filter.iter().cloned().chain(page).collect();
        if query.is_empty() { self.address.clone() } else { format!("{}?{}", self.address, query.join("&")) }
    }
}

/// The first of the values that proxies have appended to each other: that of the one nearest to the caller.
fn first_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim).filter(|text| !text.is_empty())
}

fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte))
}

fn is_paging(pair: &str) -> bool {
    PagingParams::NAMES.contains(&pair.split('=').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn url(headers: &[(&str, &str)]) -> PageUrl {
        let mut request = Request::builder().uri("/api/v1/ai/conversations/?category=a%20b&page=2&cursor=x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        PageUrl::of(&request.body(()).expect("a request").into_parts().0)
    }

    #[test]
    fn a_link_keeps_the_filter_and_replaces_the_page() {
        let link = url(&[("host", "127.0.0.1:8080")]).with(&[("cursor", "7.a.20".to_owned())]);
        assert_eq!(link, "http://127.0.0.1:8080/api/v1/ai/conversations/?category=a%20b&cursor=7.a.20");
    }

    #[test]
    fn behind_a_proxy_links_are_its_own() {
        let proxy = [
            ("host", "127.0.0.1:8080"),
            ("x-forwarded-host", "kb.example.com, inner"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/turnwise/"),
        ];
        let link = url(&proxy).with(&[]);
        assert_eq!(link, "https://kb.example.com/turnwise/api/v1/ai/conversations/?category=a%20b");
        let forged = [("host", "a.example"), ("x-forwarded-host", "evil\"><x"), ("x-forwarded-proto", "javascript")];
        assert!(url(&forged).with(&[]).starts_with("http://localhost/api/"));
    }
}
