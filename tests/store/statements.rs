//! Both databases take the one text.

use crate::store::on_both;

#[tokio::test]
async fn every_statement_is_prepared() {
    on_both(async |store| {
        let check = store.check_statements().await.expect("it answers");
        assert_eq!(check.refused, Vec::<String>::new());
        assert!(check.prepared > 60, "{} statements", check.prepared);
    })
    .await;
}
