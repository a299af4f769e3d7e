"""Static files of production: every name carries the hash of its content."""

from servestatic.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Names inside `import` statements are hashed too, so that a new release never meets an old module."""

    support_js_module_import_aggregation = True
