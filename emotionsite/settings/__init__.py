"""Settings: `development` for `make run`, `production` for containers, `test` for pytest.

Each of the three starts from `base`, which is put together from the small modules beside it.
"""
