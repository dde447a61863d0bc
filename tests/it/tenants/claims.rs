//! Tenants which a token claims: one role for the clients of all tenants.

use super::world::{World, text, titles};

/// As PostgREST does it: a login role which becomes another, and tells the claims.
const ROLES: &str = "create role authenticator login noinherit in role authenticated";

async fn claim(client: &tokio_postgres::Client, claims: &str) -> anyhow::Result<()> {
    Ok(client
        .batch_execute(&format!("reset role; set request.jwt.claims = '{claims}'; set role authenticated"))
        .await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_the_tenant_which_its_token_claims() -> anyhow::Result<()> {
    let world = World::enabled().await?;
    let _ = world.worker("authenticated", "").await?;
    world.postgres.batch_execute(ROLES).await?;
    let client = world.connect("authenticator").await?;
    let b = r#"{"app_metadata": {"tenant_id": "b"}}"#;

    claim(&client, b).await?;
    assert_eq!(titles(&client).await?, "", "no claim is in use");
    world.owner("select hearken.enable_tenants(claim => 'app_metadata.tenant_id')").await?;
    assert_eq!(titles(&client).await?, "b1 b2 b3");
    let row = client.query_one("select id::text, token::text from hearken.lease('w', '{q}')", &[]).await?;
    let (id, token): (String, String) = (row.get(0), row.get(1));
    assert_eq!(text(&client, &format!("hearken.chain_of_lease('{id}:{token}')::text")).await?, "{r}");
    assert_eq!(text(&client, &format!("hearken.complete({id}, {token})")).await?, "done");

    for (claims, sees) in [
        (r#"{"app_metadata": {"tenant_id": "a"}}"#, "a1 a2 a3"),
        (r#"{"app_metadata": {}}"#, ""),
        (r#"{"app_metadata": {"tenant_id": ""}}"#, ""),
        (r#"{"app_metadata": {"tenant_id": "*"}}"#, ""),
        ("", ""),
    ] {
        claim(&client, claims).await?;
        assert_eq!(titles(&client).await?, sees, "{claims}");
    }
    claim(&client, r#"{"app_metadata": {"tenant_id": "a"}}"#).await?;
    let nothing = format!("coalesce(hearken.chain_of_lease('{id}:{token}')::text, 'none')");
    assert_eq!(text(&client, &nothing).await?, "none");

    // The claim is for the roles named, and for no others.
    let a = world.worker("a", "(null, 'a')").await?;
    a.batch_execute(&format!("set request.jwt.claims = '{b}'")).await?;
    assert_eq!(titles(&a).await?, "a1 a2 a3");
    world.owner("select hearken.enable_tenants()").await?;
    assert_eq!(titles(&client).await?, "", "the claim is not in use any more");
    Ok(())
}
