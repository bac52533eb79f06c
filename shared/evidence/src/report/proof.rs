//! The receipt: its name, its key, what it binds, and how anybody checks it.

use super::markup::{Html, counted};
use super::{Proof, Report, badge, section};
use crate::receipt::Receipt;
use crate::timeline::words::short;

/// Bytes of the list of sequences.
const BUDGET: usize = 40_000;

pub(super) fn write(report: &Report<'_>, html: &mut Html) {
    section(html, "receipt", "Receipt");
    let Some(proof) = report.proof else {
        html.raw(if report.run.receipt.is_some() {
            "<p class=\"alert\">The run has a receipt, but it was not at hand when this page was made.</p></section>\n"
        } else {
            "<p>There is no receipt yet: it is sealed when the run ends.</p></section>\n"
        });
        return;
    };
    match &proof.receipt {
        Err(why) => {
            html.raw("<p class=\"alert\">The receipt could not be read: ")
                .text(why)
                .raw("</p>\n");
        }
        Ok(receipt) => sealed(report, html, proof, receipt),
    }
    html.raw("</section>\n");
}

fn sealed(report: &Report<'_>, html: &mut Html, proof: &Proof, receipt: &Receipt) {
    html.raw(
        "<p>The signed receipt is the evidence; this page only renders the same ledger. It names nobody, and \
         holds every intent and outcome with the vendor’s request ids.</p>\n<dl class=\"facts\">",
    );
    html.fact("File", |html| {
        html.code(&proof.place);
    });
    html.fact("Signed by key", |html| {
        html.code(&receipt.signature.key_id)
            .raw(", ")
            .text(&receipt.signature.algorithm);
    });
    html.fact("Checked", |html| match &proof.checked {
        Some(Ok(())) if receipt.header.run == report.run.id => {
            badge(html, "good", "as it was signed");
            html.raw(" when this page was made");
        }
        Some(Ok(())) => {
            badge(html, "bad", "another run");
            html.raw(" the receipt is about ").code(receipt.header.run.as_str());
        }
        Some(Err(why)) => {
            badge(html, "bad", "not as it was signed");
            html.raw(" <span class=\"why\">").text(why).raw("</span>");
        }
        None => {
            badge(html, "warn", "not checked");
            html.raw(" no public key was at hand when this page was made");
        }
    });
    html.fact("State in it", |html| {
        html.text(&receipt.header.state);
    });
    html.fact("Format", |html| {
        html.text(&receipt.format)
            .raw(", by Rollcall ")
            .text(&receipt.header.binary_version);
    });
    html.raw("</dl>\n");
    sequences(html, receipt);
    html.raw(
        "<h3>Check it yourself</h3>\n<p>You need the file and a public key that you have from somewhere else \
         than the file, never the network or Rollcall’s ledger:</p>\n<pre tabindex=\"0\" \
         aria-label=\"Command\"><code>rollcall receipt verify ",
    );
    html.own(&quoted(&proof.place));
    html.raw(
        " --key receipt.pem.pub</code></pre>\n<p>Without Rollcall, <code>openssl</code> and <code>jq</code> do: \
         the concept page <em>Receipts</em> of the documentation holds the script. The vendors can be asked \
         about each request by the id in the tables above.</p>\n",
    );
}

fn sequences(html: &mut Html, receipt: &Receipt) {
    let entries: u128 = receipt
        .journals
        .iter()
        .map(|journal| journal.entries.len() as u128)
        .sum();
    html.raw("<p>")
        .own(&counted(entries, "journal entry is", "journal entries are"))
        .raw(" bound by the signature:</p>\n");
    html.table(
        "narrow",
        "Journal sequences",
        &["Sequence", "#Entries", "Digest of the last"],
    );
    let left = html.rows(BUDGET, &receipt.journals, |html, journal| {
        html.raw("<tr><th scope=\"row\">")
            .text(journal.sequence.as_str())
            .raw("</th><td class=\"n\">");
        html.number(journal.entries.len() as u128).raw("</td><td>");
        match journal.entries.last() {
            Some(entry) => html.code(&short(entry.digest.as_str())),
            None => html.raw("–"),
        };
        html.raw("</td></tr>\n");
    });
    html.end_table().left_out(left, "the receipt has every one.");
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '/' | '.' | '-' | '_' | ':');
    if path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_the_shell() {
        assert_eq!(quoted("/srv/receipts/run_1.json"), "/srv/receipts/run_1.json");
        assert_eq!(quoted("/srv/my files/it's"), "'/srv/my files/it'\\''s'");
    }
}
