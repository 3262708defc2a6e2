"""Trials of the effect measurement on territories whose truth is known: is it what the interval says it is?"""
