//! Who is at the other end of the connection.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;

/// Headers by which a proxy says that somebody else is asking.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/// Whether the request comes from this machine, and not through a proxy on it.
pub(super) fn is_local(parts: &Parts) -> bool {
    let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else { return false };
    peer.ip().to_canonical().is_loopback() && !FORWARDED.iter().any(|name| parts.headers.contains_key(*name))
}

/// Whether the request is meant for this machine by its own name. A web page can make its visitor's browser send
/// requests to this machine, but not under this name and without telling its origin.
pub(super) fn is_addressed_locally(parts: &Parts) -> bool {
    let host =
        parts.headers.get(HOST).and_then(|host| host.to_str().ok()).or(parts.uri.authority().map(|a| a.as_str()));
    let from_here = |text: &str| is_loopback_host(text.strip_prefix("http://").unwrap_or(text));
    let origin = parts.headers.get(ORIGIN);
    host.is_some_and(is_loopback_host) && origin.is_none_or(|origin| origin.to_str().is_ok_and(from_here))
}

fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    #[track_caller]
    fn check(peer: &str, headers: &[(&str, &str)], local: bool, addressed: bool) {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        parts.extensions.insert(ConnectInfo(peer.parse::<SocketAddr>().expect("an address")));
        assert_eq!((is_local(&parts), is_addressed_locally(&parts)), (local, addressed), "{peer} {headers:?}");
    }

    #[test]
    fn only_this_machine_under_its_own_name_is_local() {
        check("127.0.0.1:9", &[("host", "127.0.0.1:8080")], true, true);
        check("[::1]:9", &[("host", "[::1]:8080")], true, true);
        check("[::ffff:127.0.0.1]:9", &[("host", "LOCALHOST:8080"), ("origin", "http://localhost:8080")], true, true);
        check("10.0.0.1:9", &[("host", "localhost")], false, true);
        check("127.0.0.1:9", &[("host", "localhost"), ("x-forwarded-for", "10.0.0.1")], false, true);
        check("127.0.0.1:9", &[("host", "rebound.example:8080")], true, false);
        check("127.0.0.1:9", &[("host", "localhost"), ("origin", "https://a.example")], true, false);
        check("127.0.0.1:9", &[], true, false);
    }
}
