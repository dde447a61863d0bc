import json, subprocess, sys, time, psycopg      # python ten_lines.py QUEUE COMMAND...
queue, command = sys.argv[1], sys.argv[2:]
with psycopg.connect(autocommit=True) as db:     # autocommit: the lease is committed before the work begins
    while True:
        item = db.execute("select id, token, to_jsonb(l) from hearken.lease('py', array[%s]) l", [queue]).fetchone()
        if item is None: time.sleep(1); continue
        did = subprocess.run(command, input=json.dumps(item[2]), capture_output=True, text=True, timeout=240)
        if did.returncode == 0: answer = "complete(%s, %s, to_jsonb(%s::text))", [*item[:2], did.stdout]
        else: answer = "fail(%s, %s, %s)", [*item[:2], did.stderr]
        print(item[0], *db.execute("select hearken." + answer[0], answer[1]).fetchone(), flush=True)
