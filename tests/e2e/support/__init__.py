"""What the end-to-end tests are made of: the binary in a sandbox, a control plane, an OpenID provider, a person."""
