"""What all of `/api/v1` has in common: errors, sparse fields, ETags, and the OpenAPI document."""
