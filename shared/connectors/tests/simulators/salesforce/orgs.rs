//! Several orgs in one process.

use std::collections::BTreeMap;

use super::*;

/// Several orgs behind one network, each at its own host.
struct Network(BTreeMap<&'static str, Wire>);

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, TransportError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        self.0[host.as_str()].send(request, timeout).await
    }
}

#[tokio::test]
async fn two_orgs_side_by_side_share_nothing() {
    let clock = Moment::new();
    let hosts = [
        ("sf-us", "us.my.salesforce.example", "00D000000000001AAA"),
        ("sf-eu", "eu.my.salesforce.example", "00D000000000002AAA"),
    ];
    let usernames = Usernames::default();
    let orgs: Vec<Arc<Org>> = hosts
        .iter()
        .map(|(name, host, id)| {
            let org = Org::with_usernames(id, false, clock.now(), usernames.clone());
            org.set_base_url(&format!("https://{host}"));
            let own = format!("rollcall@{name}.example");
            org.add_user(UserSeed::new(&own).integration());
            // A username is unique over all orgs in the world; the person is the same by the number.
            let jordan = org.add_user(UserSeed {
                email: Some("jordan@corp.example".to_owned()),
                employee_number: Some("00042".to_owned()),
                ..UserSeed::new(&format!("jordan@{name}.example"))
            });
            org.add_session(&jordan, SessionKind::Ui);
            org.add_token(&jordan, "Mail");
            org.add_app(ConnectedApp {
                consumer_key: "ck".to_owned(),
                name: "Rollcall".to_owned(),
                public_key: Some(AppKey::Jwk(key().1)),
                client_secret: None,
                run_as: None,
                pre_authorised: vec![own],
            });
            Arc::new(org)
        })
        .collect();
    let wires = hosts.iter().zip(&orgs).map(|((_, host, _), org)| {
        let wire = Wire {
            simulator: org.clone(),
            clock: clock.clone(),
        };
        (*host, wire)
    });
    let network: Arc<dyn Transport> = Arc::new(Network(wires.collect()));
    let connections: Vec<Salesforce> = hosts
        .iter()
        .map(|(name, host, id)| {
            let settings = SalesforceSettings {
                connection: (*name).into(),
                login_url: format!("https://{host}"),
                my_domain_url: format!("https://{host}"),
                org_id: (*id).to_owned(),
                sandbox: false,
                api_version: API_VERSION.to_owned(),
                flow: SalesforceFlow::JwtBearer {
                    consumer_key: "ck".to_owned(),
                    username: format!("rollcall@{name}.example"),
                    key: key().0,
                },
                allowed_hosts: vec![(*host).to_owned()],
                bulk_above: rollcall_connectors::salesforce::BULK_ABOVE,
            };
            Salesforce::new(settings, network.clone(), clock.clone(), Arc::new(RandomIds))
        })
        .collect();
    let (call, query) = (clock.call(), by("EmployeeNumber", "00042"));
    let (us, eu) = tokio::join!(
        connections[0].find_accounts(&call, &query),
        connections[1].find_accounts(&call, &query),
    );
    let accounts: Vec<AccountRef> = [us, eu]
        .map(|found| found.unwrap())
        .iter()
        .map(|found| {
            assert_eq!(found.accounts.len(), 1);
            found.accounts[0].account.clone()
        })
        .collect();
    // Both orgs count their ids alike, so only the connection tells the two accounts apart.
    assert_eq!(accounts[0].id, accounts[1].id);
    assert_ne!(accounts[0], accounts[1]);

    let seen = connections[1]
        .observe(&clock.call(), Some(&accounts[1]), &uses(&CUT))
        .await
        .unwrap();
    for (action, seen) in CUT.iter().zip(&seen) {
        let change = planned(action, Some(accounts[1].clone()), known(seen), Value::Null);
        connections[1].apply(&clock.call(), &change, "m").await.unwrap();
    }
    let access = |org: &Org, id: &str| (org.is_frozen(id), org.tokens_of(id).len(), org.sessions_of(id).len());
    assert_eq!(access(&orgs[1], &accounts[1].id), (true, 0, 0));
    assert_eq!(access(&orgs[0], &accounts[0].id), (false, 1, 2));
    assert_eq!(orgs[0].calls().len(), 2, "a token and a search");

    // A token of the one opens nothing in the other.
    let token = orgs[0].log_in(&orgs[0].user_id("rollcall@sf-us.example").unwrap());
    for (org, status) in [(&orgs[0], 200), (&orgs[1], 401)] {
        let mut request = HttpRequest::default();
        *request.uri_mut() = "/services/data/v66.0/limits".parse().unwrap();
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let Reply::Answer(answer) = org.answer(&request, clock.now()) else {
            panic!("no answer")
        };
        assert_eq!(answer.status().as_u16(), status);
    }
}
