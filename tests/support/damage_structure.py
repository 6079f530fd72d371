"""The same for files with a structure of their own: what is in them is spoilt, and they are whole."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from typing import Any

import h5py
import numpy as np
from safetensors.torch import load, save

from cdi_ml_plugin.nn import weights
from support.damage import BYTES, TEXT, Damage, bits, json_value, one_of, spoil


# --- arrays, in .npz and HDF5 ---------------------------------------------------------------------
def other_array(array: Any, rng: np.random.Generator) -> Any:
    """Of another type or shape, or of values that are no counts; a text with JSON in it spoilt."""
    array = np.asarray(array)
    if array.dtype.kind in "SUO" and array.ndim == 0 and rng.random() < 0.8:
        text = array.item()
        text = text.encode("utf-8", "replace") if isinstance(text, str) else text
        if isinstance(text, bytes):
            return one_of((*[json_value] * 3, *TEXT), rng)(text, rng).decode("utf-8", "replace")
    if array.dtype.kind not in "biufc":
        return one_of((np.zeros(3), np.float32(np.nan), b"\xff", "", "x" * 1000, np.arange(4)), rng)
    with np.errstate(all="ignore"):
        match int(rng.integers(12)):
            case 0:
                return array.astype("S3")
            case 1:
                return np.zeros(array.shape, [("a", "f4"), ("b", "i2")])
            case 2:
                return array * (1 + 1j)
            case 3:
                return array.astype("f8") * one_of((np.nan, np.inf, -1.0, 1e300, 1e-300, 0.0), rng)
            case 4:
                return array[..., :0]
            case 5:
                return array.reshape(-1)
            case 6:
                return array[None]
            case 7:
                return array.reshape(-1)[:1].reshape(()) if array.size else np.array(0)
            case 8:
                return np.repeat(array, 2, axis=0) if array.ndim else np.array([array, array])
            case 9:
                return array[tuple(slice(0, n - 1) for n in array.shape)]
            case 10:
                return array.T.astype(one_of(("f2", "u1", "?", ">u8", "f8"), rng))
            case _:
                spoilt = np.array(array, dtype="f8" if array.dtype.kind != "c" else "c16")
                if spoilt.size:
                    spoilt.reshape(-1)[int(rng.integers(spoilt.size))] = one_of(
                        (np.nan, np.inf, -np.inf, -1, 1e38, 1e300, 2.0**63), rng
                    )
                return spoilt


def npz_array(data: bytes, rng: np.random.Generator) -> bytes:
    try:
        with np.load(BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception:  # spoilt before, in whatever way
        return bits(data, rng)
    name = one_of([*arrays], rng) if arrays else "data"
    match int(rng.integers(6)):
        case 0:
            arrays.pop(name, None)
        case 1:
            arrays[one_of(("mask", "data", "x", "about"), rng)] = arrays.get(name, np.zeros(2))
        case _:
            arrays[name] = other_array(arrays.get(name, 0.0), rng)
    buffer = BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def zip_member(data: bytes, rng: np.random.Generator) -> bytes:
    """What is packed is spoilt, and the archive around it is whole."""
    buffer = BytesIO()
    try:
        with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
            names = old.namelist()
            chosen = one_of(names, rng)
            for name in names:
                content = old.read(name)
                new.writestr(
                    name, one_of(BYTES + TEXT, rng)(content, rng) if name == chosen else content
                )
    except Exception:  # spoilt before, in whatever way
        return bits(data, rng)
    return buffer.getvalue()


def hdf5_structure(data: bytes, rng: np.random.Generator) -> bytes:
    """A dataset, group or attribute is another, elsewhere or gone."""
    buffer = BytesIO(data)
    try:
        with h5py.File(buffer, "r+") as file:
            names: list[str] = []
            file.visit(names.append)
            _change(file, one_of(names, rng), rng)
    except Exception:  # spoilt before, or nothing that HDF5 would write: in whatever way
        return bits(data, rng)
    return buffer.getvalue()


def _change(file: h5py.File, name: str, rng: np.random.Generator) -> None:
    node = file[name]
    keys = [*node.attrs]
    match int(rng.integers(9)):
        case 0 | 1:
            holder = node if keys else file
            key = one_of([*holder.attrs] or ["creator"], rng)
            value = one_of(
                (np.nan, "", "x", b"\xff", [1, 2], h5py.Empty("f4"), "data", 7, None), rng
            )
            if value is None:
                holder.attrs.pop(key, None)
            else:
                holder.attrs[key] = value
        case 2:
            del file[name]
        case 3:
            link = one_of(("/nowhere", f"/{name}", "/", "."), rng)
            del file[name]
            file[name] = h5py.SoftLink(link)
        case 4:
            del file[name]
            file[name] = h5py.ExternalLink(one_of(("gone.h5", "\udcff.h5", ".", ""), rng), "/a")
        case 5:
            del file[name]
            file.create_group(name)
        case _ if isinstance(node, h5py.Dataset):
            value = (
                h5py.Empty("f4")
                if rng.random() < 0.1 or node.shape is None
                else other_array(node[()], rng)
            )
            chunked = isinstance(value, np.ndarray) and value.size > 0 and value.ndim > 0
            del file[name]
            file.create_dataset(
                name, data=value, chunks=True if chunked and rng.random() < 0.5 else None
            )
        case _:
            other: list[str] = []
            file.visit(other.append)
            file[f"{name}/{one_of(('data', 'mask', 'x', 'history'), rng)}"] = file[
                one_of(other, rng)
            ]


NPZ: tuple[Damage, ...] = (*BYTES, *[npz_array] * 6, *[zip_member] * 3)
HDF5: tuple[Damage, ...] = (*BYTES, *[hdf5_structure] * 8)


# --- safetensors ----------------------------------------------------------------------------------
def safetensors_header(data: bytes, rng: np.random.Generator) -> bytes:
    """Its JSON, or that of a text in its metadata, with a length that fits again."""
    end = 8 + int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:end])
        texts = header["__metadata__"]
        if rng.random() < 0.7:
            key = one_of([*texts], rng)
            texts[key] = json_value(texts[key].encode(), rng).decode("utf-8", "replace")
        else:
            header = spoil(header, rng)
    except Exception:  # spoilt before, in whatever way
        return bits(data, rng)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[end:]


SAFETENSORS: tuple[Damage, ...] = (*BYTES, *[safetensors_header] * 8)


def card_value(data: bytes, rng: np.random.Generator) -> bytes:
    """Another value in the card of weights, with a checksum that fits."""
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        fields = spoil(json.loads(header["__metadata__"]["card"]), rng)
        fields["checksum"] = weights._checksum(tensors, {**fields, "checksum": ""})
        return save(tensors, {"card": json.dumps(fields)})
    except Exception:  # spoilt before, or no mapping any more: in whatever way
        return bits(data, rng)


ZIP: tuple[Damage, ...] = (*BYTES[:4], *[zip_member] * 6)
