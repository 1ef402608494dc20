#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a user would write by hand: one put per JPEG frame and one row per frame, one after the other.

Reads frames from standard input, each as its length (32 bits, little-endian) and its bytes; needs
Debian's python3-boto3 and python3-psycopg2, and the GST_CHECKPOINT_TEST_* variables of
tests/services/up.
"""
import os
import struct
import sys
import uuid

import boto3
import psycopg2

env = {k: os.environ["GST_CHECKPOINT_TEST_" + k] for k in (
    "S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY", "POSTGRES")}
s3 = boto3.client("s3", endpoint_url=env["S3_ENDPOINT"], region_name="us-east-1",
                  aws_access_key_id=env["S3_ACCESS_KEY"],
                  aws_secret_access_key=env["S3_SECRET_KEY"])
database = psycopg2.connect(env["POSTGRES"])
job = str(uuid.uuid4())
with database, database.cursor() as cursor:
    cursor.execute("CREATE TABLE IF NOT EXISTS by_hand (job text, sequence int, key text)")

sequence = 0
while head := sys.stdin.buffer.read(4):
    frame = sys.stdin.buffer.read(struct.unpack("<I", head)[0])
    key = f"by-hand/{job}/{sequence:08}.jpg"
    s3.put_object(Bucket=env["S3_BUCKET"], Key=key, Body=frame)
    with database, database.cursor() as cursor:
        cursor.execute("INSERT INTO by_hand VALUES (%s, %s, %s)", (job, sequence, key))
    sequence += 1
database.close()
