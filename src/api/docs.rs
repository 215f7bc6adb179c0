//! The browsable page at `/docs`, from files that are built in.

use axum::Router;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The page, which reads `/openapi.json`. What its visitor tries out goes to the API with the key that they type in.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let config = Config::from("/openapi.json").persist_authorization(false).display_request_duration(true);
    SwaggerUi::new("/docs").config(config).into()
}
