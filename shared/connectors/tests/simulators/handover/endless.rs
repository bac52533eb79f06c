//! Lists that lead to themselves: a mistake of a vendor's, which must not make us ask for ever.

use http::{HeaderValue, Method};
use rollcall_model::Failure;

use super::*;

/// The org, one of whose lists has no end.
struct Endless {
    wire: Wire,
    list: List,
}

#[derive(Clone, Copy)]
enum List {
    /// What a query job found.
    Found,
    /// The ingest jobs, which are asked for because the answer to the making of one is lost.
    Jobs,
}

#[async_trait]
impl Transport for Endless {
    async fn send(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let mut answer = self.wire.send(request, timeout).await?;
        let path = uri.path();
        match self.list {
            List::Found if path.contains("/jobs/query/") && path.ends_with("/results") => {
                let headers = answer.headers_mut();
                headers.insert("sforce-locator", HeaderValue::from_static("MTAwMA"));
            }
            List::Jobs if path.ends_with("/jobs/ingest") && method == Method::POST => {
                return Err(TransportError::Broken("closed".to_owned()));
            }
            List::Jobs if path.ends_with("/jobs/ingest") => {
                let mut page: Value = serde_json::from_slice(answer.body()).unwrap();
                page["done"] = false.into();
                page["nextRecordsUrl"] = uri.to_string().replace(HOST, "").into();
                *answer.body_mut() = page.to_string().into();
            }
            List::Found | List::Jobs => {}
        }
        Ok(answer)
    }
}

/// Hands over 2,100 records until the org's list is given up.
async fn given_up(list: List) -> Failure {
    let world = World::new();
    world.seed(
        "Lead",
        2_100,
        |place| json!({ "LastName": format!("L{place}"), "Company": "Corp" }),
    );
    let desk = world.desk();
    let wire = world.wire();
    let salesforce = world.connect_over(Arc::new(Endless { wire, list }));
    let change = world.change(HAND_OVER, World::to_sam());
    for _ in 0..200 {
        let saved = desk.saved.lock().unwrap().clone();
        match salesforce.advance(&change, "marker", saved.as_ref(), &desk).await {
            Ok(Advance::More) => {}
            Ok(Advance::Later { after, .. }) => world.clock.pass(after),
            Ok(Advance::Done { .. }) => panic!("a list without an end was taken for one"),
            Err(failure) if failure.reason.contains("closed") => world.clock.pass(Duration::from_secs(1)),
            Err(failure) => return failure,
        }
    }
    panic!("it goes on: {:?}", desk.said.lock().unwrap().last());
}

#[tokio::test]
async fn a_page_of_records_that_names_itself_as_the_next_one_is_not_read_for_ever() {
    let failure = given_up(List::Found).await;
    assert!(failure.is_retryable(), "{failure:?}");
    assert!(failure.reason.contains("names itself as the next one"), "{failure:?}");
}

#[tokio::test]
async fn a_list_of_jobs_without_an_end_is_given_up() {
    let failure = given_up(List::Jobs).await;
    assert!(failure.reason.contains("does not end after 100 pages"), "{failure:?}");
}
