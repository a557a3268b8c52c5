"""Writes tests/data/request_fields.json: the fields of every request of Milvus's services, as
pymilvus publishes them. Run with a pymilvus installed, newest first:

    python tests/sdk/python/request_fields.py > tests/data/request_fields.json

tests/it/request_fields.rs holds the requirement table against that file.
"""

import json
from importlib.metadata import version

from google.protobuf.descriptor import FieldDescriptor
from pymilvus.grpc_gen import milvus_pb2

SERVICES = ("MilvusService", "ClientTelemetryService")
KINDS = {
    getattr(FieldDescriptor, name): name.removeprefix("TYPE_").lower()
    for name in dir(FieldDescriptor)
    if name.startswith("TYPE_")
}


def kind(field):
    """The type as a .proto file says it."""
    name = field.message_type.name if field.message_type else KINDS[field.type]
    if field.message_type and field.message_type.GetOptions().map_entry:
        return "map"
    repeated = getattr(field, "is_repeated", None)
    if repeated is None:
        repeated = field.label == FieldDescriptor.LABEL_REPEATED
    return f"repeated {name}" if repeated else name


def fields(message):
    return {str(field.number): [field.name, kind(field)] for field in message.fields}


def messages_in(message, found):
    """The messages of Milvus's service in a request, at any depth."""
    for field in message.fields:
        inner = field.message_type
        if inner and inner.file is milvus_pb2.DESCRIPTOR and inner.name not in found:
            if not inner.GetOptions().map_entry:
                found[inner.name] = fields(inner)
                messages_in(inner, found)


def main():
    requests, inner = {}, {}
    for name in SERVICES:
        service = milvus_pb2.DESCRIPTOR.services_by_name.get(name)
        for method in service.methods if service else ():
            requests[method.name] = fields(method.input_type)
            messages_in(method.input_type, inner)

    def lines(entries):
        rows = (f"  {json.dumps(key)}: {json.dumps(entries[key])}" for key in sorted(entries))
        return "{\n" + ",\n".join(rows) + "\n }"

    print("{")
    print(f' "source": "pymilvus {version("pymilvus")}",')
    print(f' "requests": {lines(requests)},')
    print(f' "messages": {lines(inner)}')
    print("}")


if __name__ == "__main__":
    main()
