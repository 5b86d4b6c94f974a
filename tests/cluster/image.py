#!/usr/bin/env python3
"""image.py NAME OUT [--dockerfile FILE] SOURCE=TARGET…: writes an image of one layer without any daemon, as `docker save` does.

Variables, user and command are those of the last stage of the Dockerfile. A program brings the libraries that it needs.
A target that ends in `/` is an empty folder, and needs no source.
"""
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile


def configuration(dockerfile):
    """What the last stage of a Dockerfile says about running its image."""
    stage = open(dockerfile).read().rpartition("\nFROM ")[2].replace("\\\n", " ")
    lines = [line.split(None, 1) for line in stage.splitlines() if " " in line]
    said = {word: rest for word, rest in lines if word in ("ENV", "USER", "ENTRYPOINT", "CMD")}
    return {
        "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", *re.findall(r"\S+=\S+", said["ENV"])],
        "User": said["USER"],
        "Entrypoint": json.loads(said["ENTRYPOINT"]),
        "Cmd": json.loads(said["CMD"]),
    }


def libraries(path):
    """The libraries of a program, by where they are loaded from."""
    found = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    return re.findall(r"(/\S+) \(0x", found)


def add(layer, made, source, target):
    target = target.strip("/")
    folders = target.split("/") if source is None else target.split("/")[:-1]
    for depth in range(1, len(folders) + 1):
        folder = "/".join(folders[:depth])
        if folder not in made:
            made.add(folder)
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            layer.addfile(entry)
    if source is None or target in made:
        return
    made.add(target)
    real = os.path.realpath(source)
    entry = tarfile.TarInfo(target)
    entry.size = os.path.getsize(real)
    entry.mode = 0o755 if os.access(real, os.X_OK) or ".so" in real else 0o644
    with open(real, "rb") as file:
        layer.addfile(entry, file)
    if os.access(real, os.X_OK):
        for library in libraries(real):
            add(layer, made, library, library)


def main(name, out, *rest):
    config = {}
    if rest[0] == "--dockerfile":
        config, rest = configuration(rest[1]), rest[2:]
    else:
        config = {"Entrypoint": ["/" + rest[0].partition("=")[2].strip("/")], "User": "65535:65535"}
    layer, made = io.BytesIO(), set()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for file in rest:
            source, _, target = file.partition("=")
            add(tar, made, source or None, target)
    layer = layer.getvalue()
    digest = hashlib.sha256(layer).hexdigest()
    described = json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
    }).encode()
    config_name = hashlib.sha256(described).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [digest + "/layer.tar"]}]).encode()
    with tarfile.open(out, "w") as tar:
        for path, data in ((config_name, described), (digest + "/layer.tar", layer), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


main(*sys.argv[1:])
