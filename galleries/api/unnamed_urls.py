from django.urls import path

from . import unnamed

urlpatterns = [
    path("galleries/unnamed", unnamed.UnnamedListView.as_view(), name="api_gallery_unnamed_list"),
    path("galleries/unnamed/name", unnamed.UnnamedNameView.as_view(), name="api_gallery_unnamed_name"),
    path("galleries/unnamed/merge", unnamed.UnnamedMergeView.as_view(), name="api_gallery_unnamed_merge"),
    path("galleries/unnamed/ignore", unnamed.UnnamedIgnoreView.as_view(), name="api_gallery_unnamed_ignore"),
    path(
        "galleries/unnamed/restore", unnamed.UnnamedRestoreView.as_view(), name="api_gallery_unnamed_restore"
    ),
    path(
        "galleries/unnamed/cluster", unnamed.UnnamedClusterView.as_view(), name="api_gallery_unnamed_cluster"
    ),
    path(
        "galleries/unnamed/<uuid:unnamed_id>", unnamed.UnnamedDetailView.as_view(), name="api_gallery_unnamed"
    ),
    path(
        "galleries/unnamed/<uuid:unnamed_id>/faces",
        unnamed.UnnamedFacesView.as_view(),
        name="api_gallery_unnamed_faces",
    ),
    path(
        "galleries/unnamed/<uuid:unnamed_id>/split",
        unnamed.UnnamedSplitView.as_view(),
        name="api_gallery_unnamed_split",
    ),
]
