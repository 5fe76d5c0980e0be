// Independent OpenID providers for the tests, one for each entry of PROVIDERS: [{"port", "client_id", "client_secret",
// "claims_in_token"}]. Whoever types an address at its login page is who has that address. An address that begins with
// `unverified.` was never proved. `POST /directory/<address>` with {"groups": [...]} puts somebody into groups, and
// `POST /redirects` with {"redirect_uri"} allows browsers to be sent back there.
import Provider from "oidc-provider";

for (const each of JSON.parse(process.env.PROVIDERS)) {
  const issuer = `http://localhost:${each.port}`;
  const groups = new Map();
  const redirects = new Set();
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: each.client_id,
        client_secret: each.client_secret,
        redirect_uris: ["https://nobody.example/"],
        response_types: ["code"],
        grant_types: ["authorization_code"],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups"] },
    conformIdTokenClaims: !each.claims_in_token,
    cookies: { keys: ["only for tests"] },
    async findAccount(_, accountId) {
      return {
        accountId,
        async claims() {
          return {
            sub: accountId,
            email: accountId,
            email_verified: !accountId.startsWith("unverified."),
            name: accountId.split("@")[0],
            groups: groups.get(accountId) ?? [],
          };
        },
      };
    },
    features: { devInteractions: { enabled: true } },
  });
  // A company learns its address to come back to when it connects, and an administrator of the provider then adds it.
  provider.Client.prototype.redirectUriAllowed = (address) => redirects.has(address);
  provider.use(async (ctx, next) => {
    const of_directory = ctx.path.startsWith("/directory/");
    if (ctx.method !== "POST" || !(of_directory || ctx.path === "/redirects")) return next();
    let body = "";
    for await (const part of ctx.req) body += part;
    const given = JSON.parse(body);
    if (of_directory) groups.set(decodeURIComponent(ctx.path.slice("/directory/".length)), given.groups);
    else redirects.add(given.redirect_uri);
    ctx.status = 204;
  });
  provider.listen(each.port, "0.0.0.0", () => console.log(`ready ${issuer}`));
}
