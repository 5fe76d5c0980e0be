// Independent OpenID providers for the tests, one for each entry of PROVIDERS: [{"port", "client_id", "client_secret",
// "redirect_uri", "claims_in_token"}]. Whoever types an address at its login page is who has that address. An address that
// begins with `unverified.` was never proved. `POST /directory/<address>` with {"groups": [...]} puts somebody into groups.
import Provider from "oidc-provider";

for (const each of JSON.parse(process.env.PROVIDERS)) {
  const issuer = `http://localhost:${each.port}`;
  const groups = new Map();
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: each.client_id,
        client_secret: each.client_secret,
        redirect_uris: [each.redirect_uri],
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
  provider.use(async (ctx, next) => {
    if (ctx.method !== "POST" || !ctx.path.startsWith("/directory/")) return next();
    let body = "";
    for await (const part of ctx.req) body += part;
    groups.set(decodeURIComponent(ctx.path.slice("/directory/".length)), JSON.parse(body).groups);
    ctx.status = 204;
  });
  provider.listen(each.port, "0.0.0.0", () => console.log(`ready ${issuer}`));
}
