"""The hashes and signatures against published vectors and another implementation."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.audit import keys
from registry.audit.verify_log import canonical, leaf_of, root_of, signature_holds

# The test vectors of Certificate Transparency's reference implementation of RFC 6962.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("count", range(len(ROOTS)))
def test_roots_are_those_of_rfc_6962(count):
    leaves = [hashlib.sha256(b"\x00" + bytes.fromhex(text)).hexdigest() for text in INPUTS[:count]]
    assert root_of(leaves) == ROOTS[count]


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH as section 2.1 writes it: split at the largest power of two below."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


@pytest.mark.parametrize("count", [9, 31, 33, 100, 1000])
def test_roots_of_many_leaves(count):
    leaves = [hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(count)]
    assert root_of(leaf.hex() for leaf in leaves) == tree_hash(leaves).hex()


def test_a_leaf_is_its_canonical_json():
    text = '{"at":"x","detail":{"a":1.5,"b":"\\u00e9"},"format":1,"id":3}'
    assert canonical({"id": 3, "detail": {"b": "é", "a": 1.5}, "at": "x", "format": 1}).decode() == text
    event = {"id": 3, "at": "x", "detail": {"b": "é", "a": 1.5}}
    assert leaf_of(event) == hashlib.sha256(b"\x00" + text.encode()).hexdigest()


# RFC 8032, section 7.1: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
        "55141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
        "00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_signatures_of_rfc_8032_hold(public, message, signature):
    assert signature_holds(public, signature, bytes.fromhex(message))
    assert not signature_holds(public, signature, bytes.fromhex(message) + b"x")


@pytest.mark.parametrize("seed", range(5))
def test_signatures_of_another_implementation_hold_and_no_other(seed):
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(bytes([seed])).digest())
    public, message = keys.public_of(key), bytes(range(seed * 40))
    signature = key.sign(message)
    assert signature_holds(public, signature.hex(), message)
    for place in (0, 31, 32, 63):
        other = bytearray(signature)
        other[place] ^= 1
        assert not signature_holds(public, bytes(other).hex(), message)


@pytest.mark.parametrize(
    ("public", "signature"), [("", ""), ("zz", "zz"), ("00" * 32, "00" * 63), ("ff" * 32, "00" * 64)]
)
def test_what_is_no_signature_does_not_hold(public, signature):
    assert not signature_holds(public, signature, b"")
