"""Login of people through an OpenID Connect provider: authorization code flow with PKCE.

Needs the extra ``oidc``; its libraries are imported only where the login is on.
"""
