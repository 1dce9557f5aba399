// A story told with the published client for Node: ADDRESS KEY in, what each call answered out. Its one address is
// reached through the hub as its proxy.

import Alloy from "alloy-node";

const [, key] = process.argv.slice(2);
const client = new Alloy(key);
const told = { user: await client.getUser("u-1") };
await client.identify("u-1");
told.identified = client.userId;
told.token = await client.getUserToken();
told.link = await client.getUserOauthRedirect({ credentialName: "fernhill" });
told.kind = await client.getCredential("quillpost");
told.apps = await client.getApps();
told.deleted = await client.deleteUser();
told.refusal = await client.getUser("u-1").catch((message) => message);
process.stdout.write(JSON.stringify(told));
