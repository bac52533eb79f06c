"""Somebody is forgotten by a worker: what the ledger and the files hold of them goes, with every older version."""

from __future__ import annotations

import hashlib
import json
import uuid

from steps import Bench, Step
from steps_worker import Work

# Where files lie that name somebody, and what of them stays: what is somebody else's, too.
PLACES = {"bodies/": False, "kept/": False, "evidence/run_0/": True, "expected/": True, "signals/": True}


class Forgetting(Work):
    """Somebody whom the ledger knows by a link, and files that name them."""

    def __init__(self, bench: Bench):
        super().__init__(bench)
        self.login, self.keys = "", []

    def steps(self) -> list[Step]:
        """One: it uses all that forgetting needs."""
        proved = [f"s3:DeleteObjectVersion /{place.split('/')[0]}/" for place in PLACES]
        return [Step("worker", "forgets somebody", self.forgotten, self.known,
                     proves=("dynamodb:Scan table/", "s3:ListBucket arn:", "s3:ListBucketVersions arn:", "s3:PutObject /signals/", *proved))]

    def known(self) -> None:
        """Somebody new: a link like that of somebody who is there, and a file in each place, with an older version."""
        name = f"forget.{uuid.uuid4().hex[:12]}"
        self.login, self.keys = f"{name}@corp.example", []
        link = next(item for item in self.stack.items()
                    if item["pk"]["S"] == "DOC#link" and item["sk"]["S"].startswith("D#okta-main/"))
        body = json.loads(link["body"]["S"])
        person = body["body"]["person"]
        account = {"connection": "okta-main", "id": f"00u{name}"}
        body["id"] = f"okta-main/{account['id']}"
        body["body"] = {"person": person | {
            "key": f"okta-main:{account['id']}", "account": account, "login": self.login, "email": self.login, "display": name,
            "attributes": {}, "manager": None, "groups": []}}
        self.bench.put(link | {"sk": {"S": f"D#{body['id']}"}, "body": {"S": json.dumps(body)}})
        for place in PLACES:
            text = json.dumps({"login": self.login, "other": "somebody.else@corp.example"})
            key = place + hashlib.sha256(text.encode()).hexdigest()
            for version in (f"{self.login}\n", text):
                self.stack.s3.put_object(Bucket=self.stack.bucket, Key=key, Body=version.encode())
            self.keys.append(key)
        self.asked("forget", f"okta-main/{account['id']}", "--even-undo", "--yes")

    def forgotten(self) -> list[str]:
        """The worker forgets them; what failed, or where they still stand."""
        return self.answered() or self.left()

    def left(self) -> list[str]:
        """Where the login stands, in any version of a file or in the ledger; and what should have stayed and has not."""
        found = [f"{item['pk']['S']} {item['sk']['S']} still names them" for item in self.stack.items()
                 if self.login in json.dumps(item)]
        for (place, stays), key in zip(PLACES.items(), self.keys):
            listed = self.stack.s3.list_object_versions(Bucket=self.stack.bucket, Prefix=key)
            versions = listed.get("Versions", [])
            for one in versions:
                body = self.stack.s3.get_object(Bucket=self.stack.bucket, Key=key, VersionId=one["VersionId"])["Body"].read()
                if self.login.encode() in body:
                    found.append(f"a version of {key} still names them")
            wanted = 1 if stays else 0
            if len(versions) != wanted or listed.get("DeleteMarkers"):
                found.append(f"{place} has {len(versions)} versions instead of {wanted}")
        return found


def steps(bench: Bench) -> list[Step]:
    """All of them."""
    return Forgetting(bench).steps()
