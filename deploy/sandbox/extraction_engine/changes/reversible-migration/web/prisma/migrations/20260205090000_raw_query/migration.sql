-- AlterTable
ALTER TABLE "RawIngestion" ADD COLUMN "query" TEXT;
