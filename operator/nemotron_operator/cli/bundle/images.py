"""The list of images that a cluster without internet needs, for tools and for people."""

from nemotron_operator.plan.download_plan import DownloadPlan
from nemotron_operator.plan.serving_plan import ServingPlan

_HEADER = """\
# The images that serve this model. Carry each into the registry of the cluster without internet:
#
#   skopeo copy --all --preserve-digests docker://IMAGE docker://REGISTRY/IMAGE          with a way to both, or
#   skopeo copy --all --preserve-digests docker://IMAGE oci-archive:FILE.tar             to carry a file.
#
# Then name them there as engineImage, downloaderImage and allowedImagePrefixes in the operator's configuration.
"""

_UNPINNED = "# By a tag, which may come to mean another image: pin it by its digest (NAME@sha256:...) for production.\n"


def render_images(plan: ServingPlan, download: DownloadPlan) -> str:
    """Render the list: an image on each line, comments for people."""
    images = dict.fromkeys((plan.engine.image, download.image))
    return _HEADER + "".join(f"{_UNPINNED if '@' not in image else ''}{image}\n" for image in images)
