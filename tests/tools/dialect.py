"""A story told with the published client for Python: ADDRESS KEY TYPED_KEY in, what each call answered out."""

import json
import sys

from alloy_python.embedded import Embedded

address, key, typed = sys.argv[1:]
client = Embedded(key)
for part in (client.User, client.Credentials, client.Tokens, client.App):
    part.url = f"{address}/2023-12"
told = {}
told["created"] = client.User.create_user({"username": "u-1", "fullName": "Jo"})
user = told["created"]["userId"]
for part in (client.User, client.Credentials, client.Tokens):
    part.set_user_id(user)
told["shown"] = client.User.get_user()
told["renamed"] = client.User.update_user({"fullName": "Jo Park"})
told["batch"] = client.User.create_batch_users({"users": [{"username": "u-2"}, {"username": "u-1"}]})
told["users"] = client.User.list_users()
credential = {"type": "quillpost", "data": {"key": typed}}
told["credential"] = client.Credentials.create({"credential": credential})
told["credentials"] = client.Credentials.list_user_credentials()
told["kinds"] = client.Credentials.get_metadata()
told["apps"] = client.App.get_apps()
told["link"] = client.Credentials.generate_oauth_link("fernhill", "any")
told["token"] = client.Tokens.get()
told["deleted"] = client.Credentials.delete(told["credential"]["credentialId"])
told["gone"] = client.User.delete_user()
print(json.dumps(told))
