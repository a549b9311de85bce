"""One package of a disclosure: the record, the same to read and print, pictures, cover sheet, manifest and signature.

`write_package(contents, ...)` gives the ZIP in pieces and, once it is whole, `.proven`. `verify` looks at one anywhere.
"""

from fhir_plugin.disclose.package.password import new_password
from fhir_plugin.disclose.package.writing import Package, ProvenPackage, write_package

__all__ = ["Package", "ProvenPackage", "new_password", "write_package"]
