# Completion of millrace for bash; printed by `millrace completion bash`.
_millrace() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} flags='' words=''
    local verbs='copy pipeline run preview schema check serve store state list bench version help completion replay' store='backup check namespaces streams export import token'
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word")
        return
    fi
    # bash splits --flag=value into three words
    [ "$previous" = = ] && previous=${COMP_WORDS[COMP_CWORD - 2]}
    [ "$word" = = ] && word='' previous=${COMP_WORDS[COMP_CWORD - 1]}
    if [ "$COMP_CWORD" -eq 2 ] && [ "${COMP_WORDS[1]}" = store ]; then
        mapfile -t COMPREPLY < <(compgen -W "$store" -- "$word")
        return
    fi
    case $previous in
    --storage-mode) words='hybrid row columnar auto' ;;
    --mode) words='auto full append incremental merge upsert snapshot full_refresh' ;;
    --cursor-nulls) words='reject skip' ;;
    --drift) words='default strict flexible' ;;
    --lossy) words='refuse allow' ;;
    --on-error) words='quarantine fail' ;;
    --delivery) words='auto at_least_once exactly_once' ;;
    --resume) words='never auto require' ;;
    --files) words='all new' ;;
    --progress) words='auto plain json off' ;;
    --summary) words='text json off' ;;
    --log-level) words='trace debug info warn error warning' ;;
    --log-format) words='text json' ;;
    --durability) words='full normal off' ;;
    --metrics-access) words='token open' ;;
    --log-level) words='trace debug info warn error warning' ;;
    --format) words='array lines' ;;
    --compression) words='none gzip zstd lz4 snappy s2 deflate' ;;
    esac
    if [ -n "$words" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        return
    fi
    local verb=${COMP_WORDS[1]}
    [ "$verb" = store ] && verb+=" ${COMP_WORDS[2]}"
    case $verb in
    copy) flags='--from-opt --to-opt --source-config --dest-config --format --compression --plugin --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --mode --keys --cursor --cursor-start --cursor-nulls --lookback --snapshot-column --select --rename --limit --sample --sample-seed --schema --drift --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --checkpoint-interval --checkpoint-records --resume --files --in-place --dry-run --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --help' ;;
    pipeline) flags='--source-path --dest-path --from-opt --to-opt --source-config --dest-config --format --compression --plugin --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --mode --keys --cursor --cursor-start --cursor-nulls --lookback --snapshot-column --select --rename --limit --sample --sample-seed --schema --drift --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --checkpoint-interval --checkpoint-records --resume --files --in-place --dry-run --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --help' ;;
    run) flags='--source --destination --from-opt --to-opt --source-config --dest-config --format --compression --plugin --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --mode --keys --cursor --cursor-start --cursor-nulls --lookback --snapshot-column --select --rename --limit --sample --sample-seed --schema --drift --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --checkpoint-interval --checkpoint-records --resume --files --in-place --dry-run --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --help' ;;
    preview) flags='--from-opt --source-config --plugin --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --mode --keys --cursor --cursor-start --cursor-nulls --lookback --snapshot-column --select --rename --limit --sample --sample-seed --schema --drift --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --resume --in-place --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --rows --json --help' ;;
    schema) flags='--from-opt --source-config --plugin --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --mode --keys --cursor --cursor-start --cursor-nulls --lookback --snapshot-column --select --rename --limit --sample --sample-seed --schema --drift --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --resume --in-place --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --help' ;;
    check | validate) flags='--from-opt --to-opt --source-config --dest-config --plugin --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --mode --keys --cursor --cursor-start --cursor-nulls --lookback --snapshot-column --select --rename --limit --sample --sample-seed --schema --drift --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --checkpoint-interval --checkpoint-records --resume --files --in-place --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --connect --json-schema --json --help' ;;
    serve) flags='--config --listen --data-dir --registry --durability --token --token-file --rotate-token --test-mode --admin-namespaces --metrics-access --cors --tls-cert --tls-key --log-level --log-format --log-file --log-requests --io-threads --writers --readers --open-namespaces-max --retention-interval --connections --connections-per-address --body-limit --bodies-limit --header-limit --header-time --body-time --write-time --idle-time --heartbeat --shutdown-grace --help' ;;
    store) flags='--help' ;;
    'store backup') flags='--registry --help' ;;
    'store check') flags='--registry --strict --json --help' ;;
    'store namespaces') flags='--token --token-file --ca-file --insecure --registry --json --help' ;;
    'store streams') flags='--token --token-file --ca-file --insecure --registry --namespace --prefix --limit --json --help' ;;
    'store export') flags='--token --token-file --ca-file --insecure --categories --since --until --output --gzip --help' ;;
    'store import') flags='--token --token-file --ca-file --insecure --input --gzip --force --yes --help' ;;
    'store token') flags='--help' ;;
    state) flags='--state-dir --json --help' ;;
    list) flags='--plugin --json --help' ;;
    bench) flags='--records --runs --baseline --json --help' ;;
    version) flags='--help' ;;
    help) flags='--man --markdown --help' ;;
    completion) flags='--help' ;;
    replay) flags='--source --from-format --from-opt --to-opt --source-config --dest-config --format --compression --plugin --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --keys --select --rename --limit --sample --sample-seed --schema --drift --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --checkpoint-interval --checkpoint-records --resume --in-place --dry-run --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --help' ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
        return
    fi
    case ${COMP_WORDS[1]} in
    pipeline | list) words+=' csv json sqlite store tail generate replay null prometheus' ;;
    help) words+=" $verbs configuration server metrics" ;;
    completion) words+=' bash' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; compgen -f -- "$word")
}
complete -o filenames -F _millrace millrace
