#!/bin/sh
# Renders the data, trains both models side by side on one thread each, exports them, renders the demo and
# measures. Needs the packages of requirements.txt, ffmpeg with libx264, and 8 GB under WORK.
#   sh build.sh WORK
set -eu
cd "$(dirname "$0")"
WORK=${1:?give a folder with 8 GB of room}
mkdir -p "$WORK"
export NUMBA_CACHE_DIR="$WORK/numba" PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1

# train TASK BATCH: four rounds; the first two leave their plans early, the others come to rest.
# RATE2 to RATE4 and STEPS3, STEPS4 differ by task. The matte is given two rounds more.
train() {
    run="python3 train.py $1 --batch $2 --data $WORK/s11 $WORK/s12 --val $WORK/val"
    $run --work "$WORK/1" --steps 5000 --stop 1750 --rate 3e-3 --seed 7
    $run --work "$WORK/2" --steps 2000 --stop 1250 --rate "$RATE2" --seed 8 --init "$WORK/1/$1.pt"
    $run --work "$WORK/3" --steps "$STEPS3" --rate "$RATE3" --seed 9 --init "$WORK/2/$1.pt"
    $run --work "$WORK/4" --steps "$STEPS4" --rate "$RATE4" --seed 10 --init "$WORK/3/$1.pt"
    last=4
    if [ "$1" = matte ]; then
        $run --work "$WORK/5" --steps 4000 --rate 3e-3 --seed 11 --init "$WORK/4/$1.pt"
        $run --work "$WORK/6" --steps 2000 --rate 2.5e-3 --seed 12 --init "$WORK/5/$1.pt"
        last=6
    fi
    python3 export.py "$1" --checkpoint "$WORK/$last/$1.pt" --out ..
}

python3 dataset.py --out "$WORK/val" --count 1500 --seed 900
python3 dataset.py --out "$WORK/s11" --count 14000 --seed 11 &
job=$!
python3 dataset.py --out "$WORK/s12" --count 16000 --seed 12
wait $job

RATE2=2.5e-3 RATE3=1.3e-3 STEPS3=500 RATE4=2e-3 STEPS4=900 train pose 64 &
job=$!
RATE2=3e-3 RATE3=1.6e-3 STEPS3=600 RATE4=3e-3 STEPS4=2200 train matte 32
wait $job

python3 demo.py --out ..
python3 evaluate.py
