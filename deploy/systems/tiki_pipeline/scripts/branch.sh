# Which branches of the mirror $1 hold the commit $2, of those that match $3 as a whole: exit 1 for none.
found=$(git --git-dir="$1" for-each-ref --contains="$2" --format='%(refname:short)' refs/heads) || exit 3
printf '%s\n' "$found" | grep -xE -- "$3"
