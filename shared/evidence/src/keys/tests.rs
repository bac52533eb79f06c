use std::os::unix::fs::PermissionsExt as _;

use super::*;

// RFC 8410, section 10.3 (PKCS#8 version 1) and the public key of section 10.1.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const SEED: &str = "1O5y2/kTWErVttjx92n4rTr+fCjL8dT74Jeoj0R1WEI=\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn both_forms_of_one_key_are_the_same_key() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("pem", PEM), ("seed", SEED)] {
        let path = dir.path().join(name);
        write(&path, text, 0o600);
        assert_eq!(FileSigner::open(&path).unwrap().public_key().to_pem(), PUBLIC, "{name}");
    }
}

#[test]
fn a_key_from_a_store_of_secrets_is_the_same_key_and_a_wrong_one_is_not_repeated() {
    for text in [PEM, SEED] {
        let signer = FileSigner::from_text("ssm:/rc/receipt", text).unwrap();
        assert_eq!(signer.public_key().to_pem(), PUBLIC);
    }
    let error = FileSigner::from_text("ssm:/rc/receipt", "planted")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("ssm:/rc/receipt") && !error.contains("planted"),
        "{error}"
    );
}

#[tokio::test]
async fn a_created_key_is_private_and_opens_as_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("receipts.key");
    let created = FileSigner::create(&path).unwrap();
    assert_eq!((mode(&path), mode(&public_path(&path)) & 0o600), (0o600, 0o600));
    let public = PublicKey::from_pem(&fs::read_to_string(dir.path().join("receipts.key.pub")).unwrap()).unwrap();
    let opened = FileSigner::open(&path).unwrap();
    assert_eq!(
        (&public, public.key_id().as_str()),
        (created.public_key(), opened.key_id())
    );
    let signature = opened.sign(b"said").await.unwrap();
    assert_eq!(signature.key_id, public.key_id());
    assert!(public.verifies(b"said", &STANDARD.decode(signature.value).unwrap()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no draft is left");
}

#[test]
fn a_key_is_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    write(&path, PEM, 0o600);
    assert!(matches!(
        FileSigner::create(&path),
        Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists
    ));
    assert_eq!(fs::read_to_string(&path).unwrap(), PEM);
    let opened = FileSigner::open_or_create(&path).unwrap();
    assert_eq!(
        fs::read_to_string(public_path(&path)).unwrap(),
        opened.public_key().to_pem()
    );
}

#[test]
fn of_many_that_create_at_once_all_get_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let ids: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| FileSigner::open_or_create(&path).unwrap().key_id().to_owned()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    for exposed in [0o640, 0o604, 0o660, 0o644, 0o601] {
        write(&path, PEM, exposed);
        let fault = FileSigner::open(&path).unwrap_err();
        assert!(
            matches!(fault, KeyError::Exposed { mode, .. } if mode == exposed),
            "{exposed:o}"
        );
        assert!(fault.to_string().contains("chmod 600"));
    }
    write(&path, PEM, 0o400);
    assert!(FileSigner::open(&path).is_ok());
}

#[test]
fn other_content_is_refused_and_never_printed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    for text in [
        "",
        "c2hvcnQ=",
        PUBLIC,
        &PEM.replace("MC4C", "MC4D"),
        &SEED.replace("1O5y", "1O5"),
        &[PEM, PEM].concat(),
    ] {
        write(&path, text, 0o600);
        let fault = FileSigner::open(&path).unwrap_err();
        assert!(matches!(fault, KeyError::Content { .. }), "{text}: {fault:?}");
    }
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(FileSigner::open(&path), Err(KeyError::Content { .. })));
    assert!(matches!(
        FileSigner::open(&dir.path().join("none")),
        Err(KeyError::File { .. })
    ));
    write(&path, PEM, 0o600);
    let shown = format!("{:?}", FileSigner::open(&path).unwrap());
    assert!(
        shown.starts_with("FileSigner(") && shown.len() == "FileSigner()".len() + 16,
        "{shown}"
    );
}
