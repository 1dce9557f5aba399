"""Verifies deliveries with the published libraries: {secret, cases: [{name, headers, body}]} in, verdicts out."""

import base64
import json
import sys

import standardwebhooks
import svix.webhooks


def verdict(webhook, case):
    body = base64.b64decode(case["body"])
    try:
        webhook.verify(body, case["headers"])
    except Exception as refusal:  # each library has an error of its own
        return f"refused: {refusal}"
    return "genuine"


given = json.load(sys.stdin)
libraries = {
    "standardwebhooks": standardwebhooks.Webhook(given["secret"]),
    "svix": svix.webhooks.Webhook(given["secret"]),
}
json.dump(
    {name: {case["name"]: verdict(webhook, case) for case in given["cases"]} for name, webhook in libraries.items()},
    sys.stdout,
)
