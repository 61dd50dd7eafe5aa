"""Tensor operations on boxes: conversion, IoU, NMS."""
