"""Runs commands of the AWS CLI, one after the other, in one process.

Each line of standard input is a JSON object with "args" and "env" (added to the
process's own); each line of standard output one with "rc", "out" and "err".
Loading the CLI anew for every command would take most of the time.
"""
import json
import os
import sys
import tempfile

import awscli.clidriver


def run(args, env):
    saved = dict(os.environ)
    os.environ.update(env)
    files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
    kept = [os.dup(1), os.dup(2)]
    try:
        for fd, f in zip((1, 2), files):
            os.dup2(f.fileno(), fd)
        try:
            rc = awscli.clidriver.create_clidriver().main(args)
        except SystemExit as e:
            rc = e.code
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        for fd, k in zip((1, 2), kept):
            os.dup2(k, fd)
            os.close(k)
        os.environ.clear()
        os.environ.update(saved)
    texts = []
    for f in files:
        f.seek(0)
        texts.append(f.read().decode("utf-8", "replace"))
        f.close()
    return {"rc": rc or 0, "out": texts[0], "err": texts[1]}


def main():
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(run(request["args"], request["env"])) + "\n")
        answers.flush()


main()
