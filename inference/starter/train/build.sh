#!/bin/sh
# Renders the data, trains both models side by side on one thread each, exports them, renders the demo and
# measures. Needs the packages of requirements.txt, ffmpeg with libx264, and 10 GB under WORK.
#   sh build.sh WORK
set -eu
cd "$(dirname "$0")"
WORK=${1:?give a folder with 10 GB of room}
mkdir -p "$WORK"
export NUMBA_CACHE_DIR="$WORK/numba" PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1

# round TASK NUMBER FROM OPTIONS: one round of training, from the weights of round FROM (0: from nothing).
round() {
    task=$1 number=$2 from=$3
    shift 3
    [ "$from" = 0 ] || set -- "$@" --init "$WORK/$from/$task.pt"
    python3 train.py "$task" --work "$WORK/$number" "$@"
}

# plain TASK BATCH: the first stage, on plain figures. Its first two rounds leave their plans early, the others come
# to rest. RATE2 to RATE4 and STEPS3, STEPS4 differ by task. The matte is given two rounds more.
plain() {
    on="--batch $2 --data $WORK/s11 $WORK/s12 --val $WORK/val"
    round "$1" 1 0 $on --steps 5000 --stop 1750 --rate 3e-3 --seed 7
    round "$1" 2 1 $on --steps 2000 --stop 1250 --rate "$RATE2" --seed 8
    round "$1" 3 2 $on --steps "$STEPS3" --rate "$RATE3" --seed 9
    round "$1" 4 3 $on --steps "$STEPS4" --rate "$RATE4" --seed 10
    [ "$1" = pose ] && return
    round "$1" 5 4 $on --steps 4000 --rate 3e-3 --seed 11
    round "$1" 6 5 $on --steps 2000 --rate 2.5e-3 --seed 12
}

# The second stage goes on from the first with frames in the style of photographs, twice as often as plain ones.
PHOTO="$WORK/s11 $WORK/s21 $WORK/s22 $WORK/s21 $WORK/s22"

pose() {
    RATE2=2.5e-3 RATE3=1.3e-3 STEPS3=500 RATE4=2e-3 STEPS4=900 plain pose 64
    on="--data $PHOTO --val $WORK/photo"
    round pose 21 4 $on --batch 64 --steps 2500 --stop 750 --rate 2e-3 --seed 21
    round pose 22 21 $on --batch 32 --steps 6000 --stop 250 --rate 2e-3 --seed 22
    round pose 23 22 $on --batch 32 --steps 8000 --stop 3000 --rate 1.8e-3 --seed 23
    on="--data $PHOTO $WORK/s23 $WORK/s23 $WORK/s23 --val $WORK/photo"
    round pose 24 23 $on --batch 32 --steps 4000 --rate 1.6e-3 --seed 25
    round pose 25 24 $on --batch 32 --steps 2250 --rate 1.5e-3 --seed 26
    python3 export.py pose --checkpoint "$WORK/25/pose.pt" --out ..
}

matte() {
    RATE2=3e-3 RATE3=1.6e-3 STEPS3=600 RATE4=3e-3 STEPS4=2200 plain matte 32
    on="--batch 32 --data $PHOTO --val $WORK/photo"
    round matte 21 6 $on --steps 2500 --stop 500 --rate 2e-3 --seed 21
    round matte 22 21 $on --steps 3000 --stop 1000 --rate 2e-3 --seed 22
    round matte 23 22 $on --steps 1500 --rate 1.6e-3 --seed 24
    round matte 24 23 $on --steps 1000 --rate 1.5e-3 --seed 26
    python3 export.py matte --checkpoint "$WORK/24/matte.pt" --out ..
}

render() {
    python3 dataset.py --out "$WORK/$1" --count "$2" --seed "$3" --style "$4"
}

{ render val 1500 900 plain && render s11 14000 11 plain && render s21 5000 21 photo; } &
job=$!
render s12 16000 12 plain
render photo 800 910 photo
render s22 5000 22 photo
render s23 2000 23 photo
wait $job

pose &
job=$!
matte
wait $job

python3 demo.py --out ..
python3 evaluate.py
