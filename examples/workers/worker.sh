#!/bin/sh
# sh worker.sh QUEUE COMMAND...: the item as JSON on the command's standard input, what it prints is the result
queue=$1; shift
ask() { psql -XAtqF ' ' -v ON_ERROR_STOP=1 -v queue="$queue" -v id="$id" -v token="$token" -v said="$said"; }
while :; do
    row=$(echo "select id, token, to_jsonb(l) from hearken.lease('sh', array[:'queue']) l" | ask)
    [ -n "$row" ] || { sleep 1; continue; }
    id=${row%% *}; row=${row#* }; token=${row%% *}; item=${row#* }
    if said=$(printf '%s' "$item" | timeout 4m "$@" 2>&1)
    then echo "select hearken.complete(:id, :token, to_jsonb(:'said'::text))" | ask
    else echo "select hearken.fail(:id, :token, :'said')" | ask; fi
done
